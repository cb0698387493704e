//! Where a sequence happens: in memory under simulated time, or on the real control plane.

use std::collections::{BTreeMap, BTreeSet};

use composio_operator::crd::Allow;
use composio_operator::sandbox::world::Switches;
use serde_json::{Value, json};

/// What happens to an account besides what the operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hand {
    /// The person finishes the sign-in.
    Consent,
    /// The person declines.
    Cancel,
    /// The sign-in runs out, or the grant dies.
    Expire,
    /// The person takes the grant back, and Composio does not notice.
    RevokeAtProvider,
    /// In the dashboard.
    Disable,
    /// In the dashboard.
    Enable,
    /// In the dashboard.
    Delete,
    /// In the dashboard.
    Rename(String),
    /// Any word as state.
    State(&'static str),
}

impl Hand {
    /// As a control call of the sandbox: the end of its path, and its body.
    pub(crate) fn call(&self) -> (&'static str, Value) {
        match self {
            Hand::Consent => ("consent", json!({})),
            Hand::Cancel => ("cancel", json!({})),
            Hand::Expire => ("expire", json!({})),
            Hand::RevokeAtProvider => ("revoke-at-provider", json!({})),
            Hand::Disable => ("disable", json!({})),
            Hand::Enable => ("enable", json!({})),
            Hand::Delete => ("delete", json!({})),
            Hand::Rename(alias) => ("alias", json!({"alias": alias})),
            Hand::State(word) => ("state", json!({"state": word})),
        }
    }
}

/// What the operator asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The number of the world that was asked, by the key of its project.
    pub(crate) world: usize,
    pub(crate) seq: u64,
    pub(crate) time: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Query and body.
    pub(crate) rest: String,
    pub(crate) status: Option<u16>,
}

/// The number of the last request to each world.
pub(crate) type Seen = BTreeMap<usize, u64>;

/// A cluster with an operator, and the Composio that it talks to.
pub(crate) trait Ground {
    /// Whether nothing happens but when time is told to pass.
    const STANDS_STILL: bool;
    /// How many projects there are. Each leads to a world of its own.
    const PROJECTS: usize = 1;
    /// How many worlds there are: the last project may lead to several, one after the other.
    const WORLDS: usize = 1;

    fn namespace(&self) -> &str;
    async fn apply(&mut self, name: &'static str, spec: &Value);
    async fn delete(&mut self, name: &'static str);
    async fn annotate(&mut self, name: &'static str, annotation: &str, value: Option<&str>);
    /// A restore from a backup that does not hold the status.
    async fn lose_status(&mut self, name: &'static str);
    /// Takes an object away without a word to the operator, and makes another one of its name.
    async fn make_anew(&mut self, _name: &'static str, _spec: &Value, _restored: &Value) {}
    /// Finalizer and alias, as a restore brings them.
    async fn give_marks(&mut self, name: &'static str, alias: &str);
    /// Merges into the status, as whoever may write it does.
    async fn give_status(&mut self, name: &'static str, status: &Value);
    async fn drop_finalizer(&mut self, name: &'static str);
    /// Puts values into a Secret; null takes the Secret away.
    async fn secret(&mut self, name: &str, values: &Value);
    /// The operator dies at once, and another starts.
    async fn restart(&mut self);
    /// From now on the operator cannot, or can, read another namespace that it watches; in memory alone.
    async fn hide_another_namespace(&mut self, hidden: bool);
    /// The next so many writes of the operator are answered with a conflict, where that can be had.
    async fn conflicts(&mut self, writes: u32);
    /// False: not possible in the account's state.
    async fn hand(&mut self, id: &str, hand: &Hand) -> bool;
    /// A call of the API of that world by another client than the operator.
    async fn api(&mut self, world: usize, method: &str, path: &str, body: &Value) -> Value;
    /// The world to which a project leads now.
    fn leads_to(&self, _project: usize) -> usize {
        0
    }
    /// What a project allows from now on, and nothing else; `None`: all that can be.
    async fn allow(&mut self, _project: usize, _allow: Option<&[Allow]>) {}
    /// Takes the key of a project away, or gives it back.
    async fn give_key(&mut self, _project: usize, _is_there: bool) {}
    /// The second project leads to another world, or to the first of its own again, and the operator starts anew.
    async fn make_project_again(&mut self) {}
    /// Says which objects ask for what their project does not allow.
    async fn refuse(&mut self, _names: BTreeSet<String>) {}
    /// The passes over them that asked something, though they have no account on record.
    async fn asked_though_refused(&mut self) -> Vec<String> {
        Vec::new()
    }
    async fn auth_config(&mut self, config: &Value);
    /// How Composio is from now on.
    async fn switches(&mut self, switches: &Switches);
    /// What goes wrong next in that world.
    async fn fault(&mut self, world: usize, fault: &Value);
    async fn clear_faults(&mut self);
    async fn object(&mut self, name: &str) -> Option<Value>;
    /// All accounts that there ever were, of all worlds: `world` tells of which one.
    async fn accounts(&mut self) -> Vec<Value>;
    /// Aliases under which an account was asked for before an object was marked with them, where everything
    /// is seen that happens.
    async fn unmarked(&mut self) -> Vec<String>;
    /// What the operator asked since then: of one world after the other, and there in order.
    async fn asked(&mut self, since: &Seen) -> Vec<Asked>;
    /// Lets time pass.
    async fn pass(&mut self, seconds: u32);
    /// All that there is to say about a failure.
    async fn told(&mut self) -> String;
}
