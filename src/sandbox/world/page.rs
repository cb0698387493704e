//! Pages of a list, and the cursors that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Call;
use super::query::{one, wrong};
use super::refusal::Refusal;

/// A page number and a page size.
pub(super) struct Page {
    number: usize,
    pub(super) size: usize,
    shift: Shift,
}

/// How rows have moved since the page before was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    None,
    /// The last row of the page before stands on this one again.
    Down,
    /// The first row of this page is on none.
    Up,
}

/// How many rows a page has.
pub(super) struct Sizes {
    /// When none is asked for.
    pub(super) usual: usize,
    /// Whatever is asked for.
    pub(super) largest: usize,
}

/// What a cursor says, as Base64 of JSON.
#[derive(Serialize, Deserialize)]
struct Cursor {
    page: usize,
    limit: usize,
}

impl Page {
    /// What a request asks for, its size clamped. A cursor brings its page size along;
    /// a `limit` beside it wins.
    pub(super) fn asked(call: &Call<'_>, sizes: &Sizes, shift: Shift) -> Result<Self, Refusal> {
        let limit = match one(call, "limit") {
            None => None,
            // The official clients type it as a floating point number.
            Some(text) => match text.parse::<f64>() {
                Ok(limit) if limit >= 1.0 => Some(limit as usize),
                Ok(_) | Err(_) => return Err(wrong("limit", text)),
            },
        };
        let cursor = match one(call, "cursor") {
            None | Some("") => Cursor {
                page: 1,
                limit: sizes.usual,
            },
            Some(text) => read(text).ok_or_else(|| wrong("cursor", text))?,
        };
        Ok(Self {
            number: cursor.page,
            size: limit.unwrap_or(cursor.limit).clamp(1, sizes.largest),
            shift: if cursor.page == 1 { Shift::None } else { shift },
        })
    }

    /// The envelope of a list around its items, which are JSON already.
    pub(super) fn envelope(&self, items: &[String], total: usize) -> String {
        let pages = total.div_ceil(self.size);
        let next = (self.number < pages).then(|| {
            write(&Cursor {
                page: self.number + 1,
                limit: self.size,
            })
        });
        format!(
            r#"{{"items":[{}],"next_cursor":{},"current_page":{},"total_pages":{pages},"total_items":{total}}}"#,
            items.join(","),
            json!(next),
            self.number,
        )
    }

    pub(super) fn first(&self) -> usize {
        let first = (self.number - 1).saturating_mul(self.size);
        match self.shift {
            Shift::None => first,
            Shift::Down => first.saturating_sub(1),
            Shift::Up => first.saturating_add(1),
        }
    }
}

fn write(cursor: &Cursor) -> String {
    STANDARD.encode(json!(cursor).to_string())
}

fn read(text: &str) -> Option<Cursor> {
    let plain = STANDARD.decode(text).ok()?;
    let cursor = serde_json::from_slice::<Cursor>(&plain).ok()?;
    (cursor.page > 0).then_some(cursor)
}
