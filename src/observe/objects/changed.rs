//! For which of its changes an object is looked at. Pure.

use kube::ResourceExt;

use super::recorded_id;
use crate::crd::{ALIAS_ANNOTATION, ConnectedAccount, FINALIZER};

/// Whether an object is to be looked at: it is new, or something of it has changed that we do not write
/// ourselves. Our own writes are known before the watch brings them; but whoever takes away what we wrote,
/// the mark or the id, has changed the object. An id that appears is ours, or is found wrong by the next look
/// at all accounts. The pin may go: a refusal takes it off again, and would else bring the object back at
/// once, to be pinned and refused again.
pub(super) fn is_changed(former: Option<&ConnectedAccount>, object: &ConnectedAccount) -> bool {
    fn declared(object: &ConnectedAccount) -> (Option<i64>, bool) {
        let metadata = &object.metadata;
        (metadata.generation, metadata.deletion_timestamp.is_some())
    }
    fn requests(object: &ConnectedAccount) -> impl Iterator<Item = (&String, &String)> {
        let annotations = object.annotations().iter();
        annotations.filter(|(name, _)| *name != ALIAS_ANNOTATION)
    }
    let is_marked =
        |object: &ConnectedAccount| object.finalizers().iter().any(|mark| mark == FINALIZER);
    former.is_none_or(|former| {
        let id = recorded_id(former);
        former.uid() != object.uid()
            || declared(former) != declared(object)
            || requests(former).ne(requests(object))
            || (is_marked(former) && !is_marked(object))
            || (id.is_some() && id != recorded_id(object))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::object, *};
    use crate::crd::{ConnectedAccountStatus, LINK_REQUESTED_ANNOTATION};

    #[test]
    fn an_object_is_looked_at_for_what_others_change() {
        let bare = object("a", "1", None);
        let mut known = object("a", "2", Some("ca_1"));
        known.finalizers_mut().push(FINALIZER.to_owned());
        let with = |change: fn(&mut ConnectedAccount)| {
            let mut object = known.clone();
            change(&mut object);
            object
        };
        let cases = [
            (false, &bare, known.clone(), "all that was added is ours"),
            (false, &known, known.clone(), "nothing has changed"),
            (
                false,
                &known,
                with(|object| status(object).state = Some("ACTIVE".to_owned())),
                "the status is ours",
            ),
            (
                false,
                &known,
                with(|object| annotate(object, ALIAS_ANNOTATION)),
                "so is the pin",
            ),
            (
                true,
                &known,
                with(|object| annotate(object, LINK_REQUESTED_ANNOTATION)),
                "somebody asks for a link",
            ),
            (
                true,
                &known,
                with(|object| object.metadata.generation = Some(2)),
                "another declaration",
            ),
            (
                true,
                &known,
                with(|object| object.metadata.uid = Some("b".to_owned())),
                "another one of that name",
            ),
            (
                true,
                &known,
                with(|object| object.finalizers_mut().clear()),
                "our mark is gone",
            ),
            (
                true,
                &known,
                with(|object| status(object).connected_account_id = None),
                "the id was taken away",
            ),
        ];
        for (expected, former, object, reason) in cases {
            assert_eq!(is_changed(Some(former), &object), expected, "{reason}");
        }
        assert!(is_changed(None, &bare), "it is new");
    }

    fn annotate(object: &mut ConnectedAccount, name: &str) {
        let annotations = object.annotations_mut();
        annotations.insert(name.to_owned(), "x".to_owned());
    }

    fn status(object: &mut ConnectedAccount) -> &mut ConnectedAccountStatus {
        object.status.get_or_insert_default()
    }
}
