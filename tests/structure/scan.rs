//! Reads Rust as text: which words it has and which paths it names. No I/O but [`Source::all`].

use std::path::Path;

/// A Rust file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root of the repository: `src/plan/gone.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One word, `::`, or other sign of the code. Comments and what stands in quotes are none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path that the code names, braces resolved: `crate::plan::Effect`, `kube::Client`, `now`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Every Rust file of the folder, in order.
    pub(crate) fn all(folder: &str) -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join(folder)];
        let mut sources = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).expect("the file can be read");
                    let path = path.strip_prefix(root).expect("it is below");
                    sources.push(Source::new(&path.to_string_lossy(), &text));
                }
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources
    }

    /// Whether the whole file is there for tests only.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// `["crate", "plan", "gone"]`.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
        module[0] = "crate".to_owned();
        if module.last().is_some_and(|name| name == "lib") {
            module.pop();
        }
        module
    }

    /// The code without its tests.
    pub(crate) fn code(&self) -> Vec<Token> {
        without_tests(&tokens(&self.text))
    }

    /// What the code names. Paths that begin with `self` or `super` begin with `crate` here.
    pub(crate) fn named(&self) -> Vec<Named> {
        let code = self.code();
        let mut found = Vec::new();
        let mut module = self.module();
        // Which of the open braces are those of a module.
        let mut braces = Vec::new();
        let mut at = 0;
        while at < code.len() {
            let is_module = |at: usize| at >= 2 && code[at - 2].text == "mod";
            match code[at].text.as_str() {
                "{" => {
                    braces.push(is_module(at));
                    if is_module(at) {
                        module.push(code[at - 1].text.clone());
                    }
                    at += 1;
                }
                "}" => {
                    if braces.pop() == Some(true) {
                        module.pop();
                    }
                    at += 1;
                }
                word if is_word(word) => at = tree(&code, at, &[], &module, &mut found),
                _ => at += 1,
            }
        }
        found
    }

    /// The modules that the file says are in files of their own.
    pub(crate) fn submodules(&self) -> Vec<String> {
        tokens(&self.text)
            .windows(3)
            .filter(|three| three[0].text == "mod" && three[2].text == ";")
            .map(|three| three[1].text.clone())
            .collect()
    }
}

/// Reads one path from there, and all of them where braces follow; returns where the next may begin.
fn tree(
    code: &[Token],
    mut at: usize,
    prefix: &[String],
    module: &[String],
    found: &mut Vec<Named>,
) -> usize {
    let mut segments = prefix.to_vec();
    let line = code[at].line;
    loop {
        segments.push(code[at].text.clone());
        at += 1;
        let next = |at: usize| code.get(at).map_or("", |token| &token.text);
        if next(at) != "::" {
            break;
        }
        match next(at + 1) {
            "{" => {
                at += 2;
                while !matches!(next(at), "}" | "") {
                    match next(at) {
                        word if is_word(word) || word == "*" => {
                            at = tree(code, at, &segments, module, found);
                        }
                        _ => at += 1,
                    }
                }
                return at + 1;
            }
            word if is_word(word) || word == "*" => at += 1,
            _ => break,
        }
    }
    found.push(Named {
        segments: absolute(segments, module),
        line,
    });
    // Another name for the same.
    if code.get(at).is_some_and(|token| token.text == "as") {
        at += 2;
    }
    at
}

fn absolute(mut segments: Vec<String>, module: &[String]) -> Vec<String> {
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    let mut base = module.to_vec();
    match segments[0].as_str() {
        "self" if segments.len() > 1 => {
            base.extend(segments.drain(1..));
            base
        }
        "super" => {
            let up = segments.iter().take_while(|one| *one == "super").count();
            base.truncate(base.len().saturating_sub(up));
            base.extend(segments.drain(up..));
            base
        }
        _ => segments,
    }
}

pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Splits text into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(length) = quoted(rest) {
            length
        } else if is_word(rest) || first.is_ascii_digit() {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let token = &rest[..length];
        let is_code = is_word(token) && quoted(rest).is_none()
            || token == "::"
            || token.len() == 1 && first.is_ascii_punctuation();
        if is_code {
            found.push(Token {
                text: token.to_owned(),
                line: text[..text.len() - rest.len()].matches('\n').count() + 1,
            });
        }
        rest = &rest[length..];
    }
    found
}

/// The length of a comment that may hold others.
fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of a string, a character or a lifetime, where one begins.
fn quoted(text: &str) -> Option<usize> {
    let body = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let before = text.len() - body.len();
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(inside) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
            return Some(before + 1 + hashes + 1 + length);
        }
    }
    if let Some(inside) = body.strip_prefix('"') {
        return Some(before + 1 + closing(inside, '"'));
    }
    let inside = body.strip_prefix('\'')?;
    let mut chars = inside.chars();
    match (chars.next()?, chars.next()) {
        ('\\', _) | (_, Some('\'')) => Some(before + 1 + closing(inside, '\'')),
        // A lifetime or a label.
        _ => Some(
            before
                + 1
                + inside
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(inside.len()),
        ),
    }
}

/// Up to and with the closing quote that is not escaped.
fn closing(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    inside.len()
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let here = &tokens[at..];
        let is_test = here.len() >= TEST.len()
            && here
                .iter()
                .zip(TEST)
                .all(|(token, text)| token.text == text);
        if is_test {
            at = item_end(tokens, at + TEST.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item ends: at its semicolon or its closing brace.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(token.text.as_str(), ";" | "}") {
            return at + 1;
        }
    }
    tokens.len()
}
