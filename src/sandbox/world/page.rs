//! Pages of a list, and the cursors that lead from one to the next.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Call;
use super::list::{one, wrong};
use super::refusal::Refusal;

/// A page number and a page size.
pub(super) struct Page {
    number: usize,
    pub(super) size: usize,
}

/// What a cursor says, as Base64 of JSON.
#[derive(Serialize, Deserialize)]
struct Cursor {
    page: usize,
    limit: usize,
}

impl Page {
    /// What a request asks for, its size clamped to `max`. A cursor brings its page size along;
    /// a `limit` beside it wins.
    pub(super) fn asked(call: &Call<'_>, max: usize) -> Result<Self, Refusal> {
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
                limit: max,
            },
            Some(text) => read(text).ok_or_else(|| wrong("cursor", text))?,
        };
        Ok(Self {
            number: cursor.page,
            size: limit.unwrap_or(cursor.limit).clamp(1, max),
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
        (self.number - 1).saturating_mul(self.size)
    }
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn write(cursor: &Cursor) -> String {
    let plain = json!(cursor).to_string();
    let mut text = String::new();
    for bytes in plain.as_bytes().chunks(3) {
        let byte = |n: usize| u32::from(bytes.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n > bytes.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

fn read(text: &str) -> Option<Cursor> {
    let mut plain = Vec::new();
    let mut bits = 0_u32;
    let mut held = 0;
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 6 | u32::try_from(value).ok()?) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            plain.push((bits >> held & 0xFF) as u8);
        }
    }
    serde_json::from_slice(&plain)
        .ok()
        .filter(|cursor: &Cursor| cursor.page > 0)
}
