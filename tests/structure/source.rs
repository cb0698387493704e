//! The Rust files of the project, as the tests of their structure read them.

use std::path::Path;

use syn::visit::{self, Visit};

/// A Rust file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root of the repository: `src/operator/plan/gone.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
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

    /// The modules that the file says are in files of their own.
    pub(crate) fn submodules(&self) -> Vec<String> {
        let items = self.parsed().items.into_iter();
        items
            .filter_map(|item| match item {
                syn::Item::Mod(module) if module.content.is_none() => {
                    Some(module.ident.to_string())
                }
                _ => None,
            })
            .collect()
    }

    /// The functions and methods that the code calls, its tests left out.
    pub(crate) fn calls(&self) -> Vec<Called> {
        let mut calls = Calls(Vec::new());
        calls.visit_file(&self.parsed());
        calls.0
    }

    fn parsed(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

/// A call of a function or a method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Called {
    /// Whether it is a method.
    pub(crate) is_method: bool,
    /// The last word of what the method is called on: `api` of `self.api.patch()`.
    pub(crate) on: Option<String>,
    /// The method, or the last word of the function's path.
    pub(crate) name: String,
}

struct Calls(Vec<Called>);

impl Visit<'_> for Calls {
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Ident>()
                    .is_ok_and(|word| word == "test")
        });
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        self.0.push(Called {
            is_method: true,
            on: last_word(&call.receiver),
            name: call.method.to_string(),
        });
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        if let Some(name) = last_word(&call.func) {
            self.0.push(Called {
                is_method: false,
                on: None,
                name,
            });
        }
        visit::visit_expr_call(self, call);
    }
}

fn last_word(expression: &syn::Expr) -> Option<String> {
    match expression {
        syn::Expr::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        syn::Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => Some(name.to_string()),
            syn::Member::Unnamed(_) => None,
        },
        _ => None,
    }
}

#[test]
fn calls_are_found_by_their_last_words_and_those_of_tests_are_not() {
    let text = "fn f() { self.api.patch(a::b(1)); api().delete(); }
        #[cfg(test)] mod tests { fn g() { api.create(); } }";
    let found: Vec<_> = Source::new("src/a.rs", text)
        .calls()
        .into_iter()
        .map(|call| (call.on.unwrap_or_default(), call.name))
        .collect();
    let expected = [("api", "patch"), ("", "b"), ("", "delete"), ("", "api")];
    assert_eq!(
        found,
        expected.map(|(on, name)| (on.to_owned(), name.to_owned()))
    );
}
