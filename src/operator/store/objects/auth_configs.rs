//! Which auth configs the objects have recorded.

use std::collections::BTreeSet;

use super::Objects;

impl Objects {
    /// At most so many of the auth configs that are recorded, those of each namespace in turn: what is
    /// written into the statuses of one keeps none of another out.
    pub(crate) fn auth_configs(&self, most: usize) -> Vec<String> {
        let index = self.index.lock();
        let mut rounds = BTreeSet::new();
        let mut last = (None, 0);
        for (namespace, id) in index.auth_configs.keys() {
            let round = match last {
                (Some(before), round) if before == namespace => round + 1,
                _ => 0,
            };
            last = (Some(namespace), round);
            if round < most {
                rounds.insert((round, namespace, id));
            }
        }
        let mut seen = BTreeSet::new();
        rounds
            .into_iter()
            .filter(|(_, _, id)| seen.insert(*id))
            .take(most)
            .map(|(_, _, id)| id.clone())
            .collect()
    }
}
