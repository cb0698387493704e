//! The annotation as it is kept of each object. There may be a hundred thousand, and nearly all of them repeat what is
//! known of their object.

use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};

use super::{Annotation, MAX_PIN};
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
    /// One that is too long to be read: its fingerprint, by which it is seen that somebody has changed it.
    TooLong(u64),
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
    /// Of the annotation of that object. Fingerprints are taken by the hasher.
    pub fn of(
        annotation: Option<&str>,
        namespace: &str,
        name: &str,
        hasher: &impl BuildHasher,
    ) -> Self {
        let Some(text) = annotation else {
            return Self::Absent;
        };
        if text.len() > MAX_PIN {
            return Self::TooLong(hasher.hash_one(text));
        }
        match Annotation::parse(text) {
            // What is written otherwise stays as it is: that somebody has changed it is seen by its text.
            Some(written) if written.is_of(namespace, name) && written.text() == text => {
                Self::Own(OwnPin::of(written, namespace, name))
            }
            Some(_) | None => Self::Text(text.into()),
        }
    }

    /// The project, `kind/name`, that it names; `None`: there is none, or it is another object's.
    pub fn project(&self, namespace: &str, name: &str) -> Option<String> {
        match self {
            Self::Absent | Self::TooLong(_) => None,
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
    use std::hash::RandomState;

    use super::{super::Pin, *};
    use crate::plan::Flags;

    fn kept(annotation: Option<&str>, hasher: &RandomState) -> KeptPin {
        KeptPin::of(annotation, "agents", "mail", hasher)
    }

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
        let longest = format!("{:<MAX_PIN$}", own[0]);
        let too_long = format!("{longest} ");
        let texts = [&copied, &spaced, &more, &longest, "", "mail", "{}", "null"];
        let hasher = RandomState::new();
        let mut kept_apart = 0;
        let texts = texts.into_iter().chain([&*too_long]);
        for text in own.iter().map(String::as_str).chain(texts) {
            let kept = kept(Some(text), &hasher);
            match &kept {
                KeptPin::Absent => panic!("{text} is there"),
                KeptPin::TooLong(_) => assert_eq!(text, too_long),
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
        assert_eq!(kept(None, &hasher), KeptPin::Absent);
    }

    #[test]
    fn a_pin_is_read_up_to_the_bound_and_beyond_it_is_nobodys() {
        let flags = Flags::default();
        let pin = Pin::annotation(&flags, "agents", "mail", Some("mine"));
        let hasher = RandomState::new();
        let read = |text: &str| {
            let kept = kept(Some(text), &hasher);
            let read = Pin::read(Some(text), &flags, "agents", "mail");
            assert_eq!(Pin::read_kept(&kept, &flags, "agents", "mail"), read);
            read
        };
        let longest = format!("{pin:<MAX_PIN$}");
        assert_eq!(read(&longest).alias(), Some("mine"));
        let too_long = format!("{longest} ");
        assert_eq!(read(&too_long), Pin::Foreign { object: None });
        assert_eq!(Pin::project(&too_long, "agents", "mail"), None);
        assert_eq!(Pin::project_id(&too_long, "agents", "mail"), None);
        let changed = format!("{longest}.");
        assert_ne!(
            kept(Some(&too_long), &hasher),
            kept(Some(&changed), &hasher)
        );
    }

    #[test]
    fn the_longest_pin_that_is_written_can_be_read() {
        let flags = Flags {
            project: format!("ClusterComposioProject/{}", "p".repeat(253)),
            project_id: Some("i".repeat(super::super::MAX_OBJECT).into()),
            alias_prefix: "x".repeat(32),
            ..Flags::default()
        };
        let (namespace, name) = ("n".repeat(63), "m".repeat(253));
        // Each letter of it takes six in JSON.
        let alias = "\u{1}".repeat(64);
        let pin = Pin::annotation(&flags, &namespace, &name, Some(&alias));
        assert!(pin.len() <= MAX_PIN / 2, "{} bytes", pin.len());
        let read = Pin::read(Some(&pin), &flags, &namespace, &name);
        assert_eq!(read, Pin::Own { alias: Some(alias) });
    }
}
