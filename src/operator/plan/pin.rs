//! The pin: for which object an account was, or may have been, asked for under which alias. It is written
//! into the object before the first POST, and whoever copies the object copies it too, so it says whose it is.

use serde::{Deserialize, Serialize};

use super::{Flags, computed_alias, is_computed_form};

mod kept;

pub use kept::{KeptPin, OwnPin};

/// The longest name of another object that is repeated in an event.
const MAX_OBJECT: usize = 320;
/// The longest annotation that is read as a pin. One whose parts are all as long as a declaration may have them takes
/// 1.5 kB, and the alias of an account that was adopted may be longer. Whoever may edit an object may write 256 kB, and
/// pins are kept of all objects.
const MAX_PIN: usize = 4 * 1024;

/// The annotation `composio.dev/alias` as it is written: JSON.
#[derive(Serialize, Deserialize)]
struct Annotation {
    /// `kind/name` of the project whose account it is.
    project: String,
    /// Its id in Composio, where that was proved.
    #[serde(default, rename = "projectID", skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
    /// The alias prefix at that time.
    prefix: String,
    namespace: String,
    name: String,
    /// Absent: the object is managed, and no account was asked for by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
}

impl Annotation {
    /// Reads the annotation; `None`: it is none that was written here.
    fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_PIN {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// Whether it was written for that object.
    fn is_of(&self, namespace: &str, name: &str) -> bool {
        (self.namespace.as_str(), self.name.as_str()) == (namespace, name)
    }

    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// What the annotation on an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// There is none.
    Absent,
    /// It was written for this object as it is.
    Own {
        /// The alias under which its account was, or may have been, asked for; `None`: none was.
        alias: Option<String>,
    },
    /// It was written for this object under another alias prefix or project: an account of it may be there, or a POST
    /// of that time may still bring one.
    Former {
        /// The alias of that time; `None`, in another project alone: none was asked for, and it may manage one there.
        alias: Option<String>,
        /// Its prefix.
        prefix: String,
        /// Its project, `kind/name`.
        project: String,
        /// The id of its project in Composio, where that is proved to be another one than it is now.
        other_id: Option<String>,
    },
    /// It was written for another object, from which this one was copied, or by somebody else.
    Foreign {
        /// `namespace/name` of the other object, where it names one.
        object: Option<String>,
    },
}

impl Pin {
    /// Reads the annotation of an object.
    pub fn read(annotation: Option<&str>, flags: &Flags, namespace: &str, name: &str) -> Self {
        let Some(text) = annotation else {
            return Self::Absent;
        };
        match Annotation::parse(text) {
            Some(written) => Self::of(written, flags, namespace, name),
            None => Self::Foreign { object: None },
        }
    }

    /// Reads what is kept of the annotation of an object.
    pub fn read_kept(kept: &KeptPin, flags: &Flags, namespace: &str, name: &str) -> Self {
        match kept {
            KeptPin::Absent => Self::Absent,
            KeptPin::Text(text) => Self::read(Some(text), flags, namespace, name),
            KeptPin::Own(own) => Self::of(own.written(namespace, name), flags, namespace, name),
            KeptPin::TooLong(_) => Self::Foreign { object: None },
        }
    }

    fn of(written: Annotation, flags: &Flags, namespace: &str, name: &str) -> Self {
        if !written.is_of(namespace, name) {
            let object = format!("{}/{}", written.namespace, written.name);
            return Self::Foreign {
                object: (object.len() <= MAX_OBJECT).then_some(object),
            };
        }
        let alias = written.alias.filter(|alias| !alias.is_empty());
        // A computed alias belongs to one object. That of another one, beside the right names, is forged.
        if let Some(alias) = &alias
            && is_computed_form(alias)
            && *alias != computed_alias(&written.prefix, namespace, name)
        {
            return Self::Foreign { object: None };
        }
        let is_issued = |id: &String| id.len() <= MAX_OBJECT;
        let other_id = written.project_id.filter(is_issued).filter(|id| {
            let now = flags.project_id.as_deref();
            now.is_some_and(|now| now != id)
        });
        let is_here = other_id.is_none() && written.project == flags.project;
        match alias {
            alias if is_here && written.prefix == flags.alias_prefix => Self::Own { alias },
            None if is_here => Self::Absent,
            alias => Self::Former {
                alias,
                prefix: written.prefix,
                project: written.project,
                other_id,
            },
        }
    }

    /// The project, `kind/name`, that the annotation of an object names; `None`: it is another object's.
    pub fn project(annotation: &str, namespace: &str, name: &str) -> Option<String> {
        let written = Annotation::parse(annotation)?;
        written.is_of(namespace, name).then_some(written.project)
    }

    /// The id of its project in Composio, where the annotation of an object names it; `None`: it is not proved, or the
    /// annotation is another object's.
    pub fn project_id(annotation: &str, namespace: &str, name: &str) -> Option<String> {
        let written = Annotation::parse(annotation)?;
        let is_its_own = written.is_of(namespace, name);
        let id = written.project_id.filter(|id| id.len() <= MAX_OBJECT);
        id.filter(|_| is_its_own)
    }

    /// The annotation for an object, as [`Pin::Own`] is read from it.
    pub fn annotation(flags: &Flags, namespace: &str, name: &str, alias: Option<&str>) -> String {
        let annotation = Annotation {
            project: flags.project.clone(),
            project_id: flags.project_id.as_deref().map(str::to_owned),
            prefix: flags.alias_prefix.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            alias: alias.map(str::to_owned),
        };
        annotation.text()
    }

    /// The alias under which an account of this object may be there.
    pub fn alias(&self) -> Option<&str> {
        match self {
            Self::Own { alias } | Self::Former { alias, .. } => alias.as_deref(),
            Self::Absent | Self::Foreign { .. } => None,
        }
    }

    /// The id of its project in Composio, where that is proved to be another one than it is now.
    pub fn other_id(&self) -> Option<&str> {
        match self {
            Self::Former { other_id, .. } => other_id.as_deref(),
            Self::Own { .. } | Self::Absent | Self::Foreign { .. } => None,
        }
    }

    /// Whether it was written for this object as it is.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }
}
