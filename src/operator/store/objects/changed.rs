//! For which of its changes an object is looked at. Pure.

use super::{Summary, Told};
use crate::crd::Reason;

/// Whether an object is to be looked at: it is new, or something of it has changed that we do not write
/// ourselves. Our own writes are known before the watch brings them; but whoever takes away what we wrote,
/// the mark or anything in the status, has changed the object, and so has who wrote something into the status.
/// The pin may go: a refusal takes it off again, and would else bring the object back at
/// once, to be pinned and refused again. But where another object has the account, or it has another alias,
/// whoever takes the pin off follows our advice. That it cannot be read any more is told, and once it can be again
/// nothing else need have changed. Nor need it where the pin of an object that is being deleted has it worked on in
/// another project: a pass that was begun in the former one ends without having done anything.
/// `by_us` says that this version came of our own write of the status.
pub(super) fn is_changed(former: Option<&Summary>, object: &Summary, by_us: bool) -> bool {
    let declared = |object: &Summary| (object.generation, object.is_deleting, object.is_readable());
    let is_refused = |object: &Summary| {
        let reasons = [Reason::Conflict, Reason::Mismatch, Reason::AliasChanged];
        Told::says(object.recorded.ready, &reasons)
    };
    former.is_none_or(|former| {
        former.uid != object.uid
            || declared(former) != declared(object)
            || former.pinned_project != object.pinned_project
            || former.requests != object.requests
            || (former.is_marked && !object.is_marked)
            || (!by_us && former.recorded.fingerprint != object.recorded.fingerprint)
            || (is_refused(former) && former.pin != object.pin)
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use kube::ResourceExt;
    use serde_json::json;

    use super::{super::tests::object, *};
    use crate::{
        crd::{
            ALIAS_ANNOTATION, ConnectedAccount, ConnectedAccountStatus, FINALIZER,
            LINK_REQUESTED_ANNOTATION, condition,
        },
        store::PackedObject,
    };

    fn summary(object: &ConnectedAccount) -> Summary {
        let packed = PackedObject::pack(object.clone()).expect("JSON");
        Summary::clone(packed.summary())
    }

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
        ];
        for (expected, former, object, reason) in cases {
            let (former, object) = (summary(former), summary(&object));
            let changed = is_changed(Some(&former), &object, true);
            assert_eq!(changed, expected, "{reason}");
        }
        let going = |project: &str| {
            let mut object = known.clone();
            object.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            let pin = json!({
                "alias": "alias", "name": object.name_any(), "namespace": object.namespace(), "prefix": "",
                "project": project,
            });
            let annotations = object.annotations_mut();
            annotations.insert(ALIAS_ANNOTATION.to_owned(), pin.to_string());
            summary(&object)
        };
        for (project, expected) in [
            ("ComposioProject/former", false),
            ("ComposioProject/next", true),
        ] {
            let former = going("ComposioProject/former");
            let changed = is_changed(Some(&former), &going(project), true);
            assert_eq!(changed, expected, "it is worked on in {project}");
        }
        for change in [
            |status: &mut ConnectedAccountStatus| status.connected_account_id = None,
            |status: &mut ConnectedAccountStatus| status.state = Some("ACTIVE".to_owned()),
            |status: &mut ConnectedAccountStatus| status.conditions.clear(),
        ] {
            let mut known = known.clone();
            status(&mut known).conditions.push(conflict());
            let mut object = known.clone();
            change(status(&mut object));
            let (former, object) = (summary(&known), summary(&object));
            assert!(
                is_changed(Some(&former), &object, false),
                "somebody wrote it"
            );
            assert!(!is_changed(Some(&former), &object, true), "we did");
        }
        let mut refused = known.clone();
        status(&mut refused).conditions.push(conflict());
        let mut unpinned = refused.clone();
        annotate(&mut refused, ALIAS_ANNOTATION);
        unpinned.annotations_mut().clear();
        let (refused, unpinned) = (summary(&refused), summary(&unpinned));
        assert!(
            is_changed(Some(&refused), &unpinned, true),
            "somebody follows our advice"
        );
        assert!(is_changed(None, &summary(&bare), true), "it is new");
        let unreadable = Summary {
            left_out: ["spec".into()].into(),
            ..summary(&known)
        };
        assert!(
            is_changed(Some(&summary(&known)), &unreadable, true),
            "it is told"
        );
        assert!(
            is_changed(Some(&unreadable), &summary(&known), true),
            "it goes on"
        );
        assert!(
            !is_changed(Some(&unreadable), &unreadable, true),
            "it was told"
        );
    }

    fn conflict() -> Condition {
        Condition {
            type_: condition::READY.to_owned(),
            status: "False".to_owned(),
            reason: Reason::Conflict.as_str().to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        }
    }

    fn annotate(object: &mut ConnectedAccount, name: &str) {
        let annotations = object.annotations_mut();
        annotations.insert(name.to_owned(), "x".to_owned());
    }

    fn status(object: &mut ConnectedAccount) -> &mut ConnectedAccountStatus {
        object.status.get_or_insert_default()
    }
}
