//! What no key of a project is ever used for.

use std::collections::BTreeMap;

use crate::convergence::ground::{Asked, Ground};
use crate::convergence::sequence::Sequence;

/// The ids of accounts in a text.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("ca_"))
}

impl<G: Ground> Sequence<G> {
    /// No call with the key of one project names an account of another; and what the name of a project has been is
    /// not changed through what it is now, though the accounts on record are asked for there to tell the two apart.
    /// What is not allowed costs nothing.
    pub(super) async fn check_crossings(&mut self, asked: &[Asked]) -> Result<(), String> {
        let accounts = self.ground.accounts().await;
        let worlds: BTreeMap<&str, usize> = accounts
            .iter()
            .filter_map(|account| Some((account["id"].as_str()?, account["world"].as_u64()?)))
            .map(|(id, world)| (id, usize::try_from(world).expect("a few")))
            .collect();
        let crosses = |one: &&Asked| {
            let mut named = ids(&one.path).chain(ids(&one.rest));
            named.any(|id| {
                let world = worlds.get(id).copied().unwrap_or(one.world);
                let is_of_one_name = world > 0 && one.world > 0;
                world != one.world && !(is_of_one_name && one.method == "GET")
            })
        };
        if let Some(crossing) = asked.iter().find(crosses) {
            let why = format!("a key was used for another project: {crossing:?}");
            return Err(self.told(&why).await);
        }
        match self.ground.asked_though_refused().await.first() {
            Some(asked) => Err(self.told(&format!("not allowed, and asked: {asked}")).await),
            None => Ok(()),
        }
    }
}
