//! What the objects are called. A name is made of foreign text, so it is taken apart into what a name may hold; that
//! two users fall on one name is refused, and not put right by who comes first.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use composio_api::computed_alias;
use composio_operator::composio::Account;

use crate::failure::Failure;
use crate::objects::Objects;
use crate::{name, text};

/// Characters of what tells apart the accounts of one user whose objects would be called the same.
const SUFFIX: usize = 8;
/// What is left for the rest of the name.
const LONGEST: usize = 63 - SUFFIX - 1;
/// So many names are told that several users would have.
const TOLD: usize = 3;

/// An account, and where its object is.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) account: Account,
}

/// How names are made.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    User,
    Domain,
    Toolkit,
    Alias,
    AuthConfig,
    Id,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once('{') {
            let (word, after) = from
                .split_once('}')
                .ok_or_else(|| "a { has no }".to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match word {
                "user" => Part::User,
                "domain" => Part::Domain,
                "toolkit" => Part::Toolkit,
                "alias" => Part::Alias,
                "auth-config" => Part::AuthConfig,
                "id" => Part::Id,
                _ => {
                    return Err(format!(
                        "{{{word}}} is none of {{user}}, {{domain}}, {{toolkit}}, {{alias}}, {{auth-config}}, {{id}}"
                    ));
                }
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }
}

impl Template {
    fn fill(&self, account: &Account) -> Option<String> {
        let words = self
            .0
            .iter()
            .map(|part| part.of(account).unwrap_or_default());
        let filled: String = words.collect();
        name::of(&[&filled])
    }

    /// What it makes for the account as it is, without taking anything apart. `None`: the account lacks a part of it.
    pub(super) fn exactly(&self, account: &Account) -> Option<String> {
        self.0.iter().map(|part| part.of(account)).collect()
    }
}

impl Part {
    fn of<'a>(&'a self, account: &'a Account) -> Option<&'a str> {
        let user = account.user_id.as_deref();
        match self {
            Self::Text(text) => Some(text),
            Self::User => user,
            Self::Domain => user.and_then(|user| Some(user.rsplit_once('@')?.1)),
            Self::Toolkit => Some(&account.toolkit),
            Self::Alias => account.alias.as_deref(),
            Self::AuthConfig => Some(&account.auth_config),
            Self::Id => Some(&account.id),
        }
    }
}

/// A name for each, in the order of namespaces and names. Those that would be called the same, or as an object that is
/// there, are told apart by their ids.
pub(super) fn assign(
    placed: Vec<(String, Account)>,
    template: &Template,
    objects: &Objects,
) -> Result<Vec<Named>, Failure> {
    let mut groups: BTreeMap<(String, String), Vec<Account>> = BTreeMap::new();
    for (namespace, account) in placed {
        let name = template.fill(&account).ok_or_else(|| {
            let id = text::plain(&account.id);
            Failure::Failed(format!(
                "no name can be made for account {id}: give another --name-template, such as {{toolkit}}-{{id}}"
            ))
        })?;
        groups.entry((namespace, name)).or_default().push(account);
    }
    refuse_shared(&groups)?;
    let mut all = Vec::new();
    for ((namespace, name), accounts) in groups {
        let is_ambiguous = accounts.len() > 1 || objects.has(&namespace, &name);
        all.extend(accounts.into_iter().map(|account| Named {
            name: match is_ambiguous {
                true => with_suffix(&name, &account.id),
                false => name.clone(),
            },
            namespace: namespace.clone(),
            account,
        }));
    }
    all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    let mut seen = HashSet::new();
    let doubled = (all.iter()).find(|one| {
        !seen.insert((&one.namespace, &one.name)) || objects.has(&one.namespace, &one.name)
    });
    match doubled {
        Some(doubled) => Err(Failure::Failed(format!(
            "several objects would be called {}/{}: give another --name-template, with {{id}} in it",
            doubled.namespace, doubled.name
        ))),
        None => Ok(all),
    }
}

fn with_suffix(name: &str, id: &str) -> String {
    let hashed = computed_alias("", "", id);
    let suffix = hashed.rsplit('-').next().unwrap_or_default();
    let begin: String = name.chars().take(LONGEST).collect();
    let suffix: String = suffix.chars().take(SUFFIX).collect();
    format!("{}-{suffix}", begin.trim_end_matches('-'))
}

/// Two users whose objects would be called the same are not told apart by anything that a reader could see.
fn refuse_shared(groups: &BTreeMap<(String, String), Vec<Account>>) -> Result<(), Failure> {
    let mut told = Vec::new();
    let mut count = 0;
    for ((namespace, name), accounts) in groups {
        let mut users: Vec<&str> = accounts
            .iter()
            .filter_map(|account| account.user_id.as_deref())
            .collect();
        users.sort_unstable();
        users.dedup();
        let [one, another, ..] = users.as_slice() else {
            continue;
        };
        count += 1;
        if told.len() < TOLD {
            told.push(format!(
                "{namespace}/{name} for {} and {}",
                serde_json::json!(text::plain(one)),
                serde_json::json!(text::plain(another))
            ));
        }
    }
    match count {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!(
            "objects of different users would be called the same, {count} times: {}. Nothing is written; give \
             another --name-template, with {{id}} in it, or --namespace-map",
            told.join("; ")
        ))),
    }
}
