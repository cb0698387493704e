//! The annotation as it is kept of each object. There may be a hundred thousand, and nearly all of them repeat what is
//! known of their object.

use serde::{Deserialize, Serialize};

use super::Annotation;
use crate::plan::computed_alias;

/// The annotation `composio.dev/alias` of an object, without what it repeats of that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeptPin {
    /// There is none.
    Absent,
    /// One of the object's own, as we write it.
    Own(OwnPin),
    /// Another one, as it stands.
    Text(Box<str>),
}

/// What the annotation of an object's own says besides whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnPin {
    project: Box<str>,
    project_id: Option<Box<str>>,
    prefix: Box<str>,
    alias: KeptAlias,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum KeptAlias {
    None,
    /// The one that is computed of the object.
    Computed,
    Other(Box<str>),
}

impl KeptPin {
    /// Of the annotation of that object.
    pub fn of(annotation: Option<&str>, namespace: &str, name: &str) -> Self {
        let Some(text) = annotation else {
            return Self::Absent;
        };
        match serde_json::from_str::<Annotation>(text) {
            // What is written otherwise stays as it is: that somebody has changed it is seen by its text.
            Ok(written) if written.is_of(namespace, name) && written.text() == text => {
                Self::Own(OwnPin::of(written, namespace, name))
            }
            Ok(_) | Err(_) => Self::Text(text.into()),
        }
    }

    /// The project, `kind/name`, that it names; `None`: there is none, or it is another object's.
    pub fn project(&self, namespace: &str, name: &str) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Own(own) => Some(own.project.to_string()),
            Self::Text(text) => super::Pin::project(text, namespace, name),
        }
    }
}

impl OwnPin {
    fn of(written: Annotation, namespace: &str, name: &str) -> Self {
        let alias = match written.alias {
            None => KeptAlias::None,
            Some(alias) if alias == computed_alias(&written.prefix, namespace, name) => {
                KeptAlias::Computed
            }
            Some(alias) => KeptAlias::Other(alias.into()),
        };
        Self {
            project: written.project.into(),
            project_id: written.project_id.map(Into::into),
            prefix: written.prefix.into(),
            alias,
        }
    }

    pub(super) fn written(&self, namespace: &str, name: &str) -> Annotation {
        Annotation {
            project: self.project.to_string(),
            project_id: self.project_id.as_deref().map(str::to_owned),
            prefix: self.prefix.to_string(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            alias: match &self.alias {
                KeptAlias::None => None,
                KeptAlias::Computed => Some(computed_alias(&self.prefix, namespace, name)),
                KeptAlias::Other(alias) => Some(alias.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Pin, *};
    use crate::plan::Flags;

    #[test]
    fn what_is_kept_is_read_as_the_annotation_is_whoever_has_written_it() {
        let here = Flags {
            alias_prefix: "eu".to_owned(),
            project_id: Some("pr_1".into()),
            ..Flags::default()
        };
        let elsewhere = Flags {
            project: "ComposioProject/other".to_owned(),
            project_id: Some("pr_2".into()),
            ..Flags::default()
        };
        let computed = computed_alias("eu", "agents", "mail");
        let aliases = [None, Some(computed.as_str()), Some("mine"), Some("")];
        let mut own = Vec::new();
        for flags in [&here, &elsewhere, &Flags::default()] {
            own.extend(aliases.map(|alias| Pin::annotation(flags, "agents", "mail", alias)));
        }
        let copied = Pin::annotation(&here, "agents", "other", Some(&computed));
        let spaced = own[0].replace(':', ": ");
        let more = own[0].replace('{', r#"{"more":1,"#);
        let texts = [&copied, &spaced, &more, "", "mail", "{}", "null"];
        let mut kept_apart = 0;
        for text in own.iter().map(String::as_str).chain(texts) {
            let kept = KeptPin::of(Some(text), "agents", "mail");
            match &kept {
                KeptPin::Absent => panic!("{text} is there"),
                KeptPin::Own(own) => {
                    assert_eq!(own.written("agents", "mail").text(), text);
                    kept_apart += 1;
                }
                KeptPin::Text(kept) => assert_eq!(&**kept, text),
            }
            assert_eq!(
                kept.project("agents", "mail"),
                Pin::project(text, "agents", "mail"),
                "{text}"
            );
            for flags in [&here, &elsewhere] {
                assert_eq!(
                    Pin::read_kept(&kept, flags, "agents", "mail"),
                    Pin::read(Some(text), flags, "agents", "mail"),
                    "{text}"
                );
            }
        }
        assert_eq!(kept_apart, own.len());
        assert_eq!(KeptPin::of(None, "agents", "mail"), KeptPin::Absent);
    }
}
