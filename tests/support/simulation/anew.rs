//! Objects that are made anew while the watch lists everything again.

use std::sync::Arc;

use composio_operator::reconcile::reconcile_known;
use composio_operator::store::{PackedObject, Summary};
use kube::runtime::watcher::Event;
use serde_json::Value;

use super::Simulation;

impl Simulation {
    /// What is known of an object once the watch has brought it as it is.
    pub(crate) fn known(&mut self, name: &str) -> Arc<Summary> {
        let packed = self.packed(name);
        let summary = Arc::clone(packed.summary());
        self.running.all.apply_event(Event::Apply(packed));
        summary
    }

    /// Makes an object anew under its name.
    pub(crate) fn replace(&mut self, name: &str, spec: Value) {
        self.apiserver().objects.remove(name);
        self.apply(name, spec);
    }

    /// Puts an object back as it was; nobody is told.
    pub(crate) fn restore(&mut self, name: &str, object: Value) {
        self.apiserver().objects.insert(name.to_owned(), object);
    }

    /// A pass over what was known of an object, after a list that is not at its end has brought it as it is.
    pub(crate) async fn pass_in_the_middle_of_a_list(&mut self, known: &Summary) {
        let packed = self.packed(&known.name);
        let all = self.running.all.clone();
        all.apply_event(Event::Init);
        all.apply_event(Event::InitApply(packed));
        let context = self.running.context_of(known);
        let passed = reconcile_known(known, &all, context).await;
        passed.expect("the fake apiserver does not fail");
    }

    fn packed(&self, name: &str) -> PackedObject {
        let object = self.object(name).expect("it is there");
        serde_json::from_value(object).expect("it decodes")
    }
}
