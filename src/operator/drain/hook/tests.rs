use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use serde_json::json;

use super::*;

fn hook() -> Hook {
    let text = str::to_owned;
    Hook {
        release: text("op"),
        namespace: text("system"),
        deployment: text("op"),
        job: text("op-drain"),
    }
}

/// An object with these annotations, all of them set by each of these managers.
fn object(annotations: &[(&str, &str)], managers: &[&str]) -> ObjectMeta {
    let fields: serde_json::Map<_, _> = annotations
        .iter()
        .map(|(name, _)| (format!("f:{name}"), json!({})))
        .collect();
    let entries = managers.iter().map(|manager| ManagedFieldsEntry {
        manager: Some((*manager).to_owned()),
        fields_v1: Some(FieldsV1(json!({"f:metadata": {"f:annotations": fields}}))),
        ..ManagedFieldsEntry::default()
    });
    let annotations = annotations.iter();
    ObjectMeta {
        annotations: Some(
            annotations
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        managed_fields: Some(entries.collect()),
        ..ObjectMeta::default()
    }
}

const RELEASE: [(&str, &str); 2] = [(RELEASE_NAME, "op"), (RELEASE_NAMESPACE, "system")];

fn installed(managers: &[&str]) -> ObjectMeta {
    object(&RELEASE, managers)
}

fn job(managers: &[&str]) -> ObjectMeta {
    object(&[(HOOK, "pre-delete")], managers)
}

#[test]
fn an_uninstall_is_known_whatever_the_program_is_called_that_helm_is_in() {
    for (installed_by, run_by) in [
        ("helm", "helm"),
        ("helm", "helm-controller"),
        ("helm-controller", "helm"),
        (
            "terraform-provider-helm_v3.0.2",
            "terraform-provider-helm_v3.1.0",
        ),
        ("fleetagent", "fleetagent"),
        ("pulumi-resource-kubernetes", "pulumi-resource-kubernetes"),
        ("velero-server", "helm"),
    ] {
        let decided = hook().decide(Some(&installed(&[installed_by])), Some(&job(&[run_by])));
        assert_eq!(decided, Ok(()), "{installed_by}, {run_by}");
    }
    let several = object(&[(HOOK, "pre-rollback, pre-delete")], &["helm"]);
    assert_eq!(
        hook().decide(Some(&installed(&["helm"])), Some(&several)),
        Ok(())
    );
}

#[test]
fn everything_else_is_refused_and_says_what_is_wrong() {
    struct Case {
        deployment: Option<ObjectMeta>,
        job: Option<ObjectMeta>,
        says: &'static str,
    }
    let fine = || (Some(installed(&["helm"])), Some(job(&["helm"])));
    let with = |says, change: fn(&mut Option<ObjectMeta>, &mut Option<ObjectMeta>)| {
        let (mut deployment, mut job) = fine();
        change(&mut deployment, &mut job);
        Case {
            deployment,
            job,
            says,
        }
    };
    let cases = [
        with("Deployment system/op does not exist", |deployment, _| {
            *deployment = None;
        }),
        with("Deployment system/op is being deleted", |deployment, _| {
            let deployment = deployment.as_mut().expect("it is there");
            deployment.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        }),
        with(
            "no annotation meta.helm.sh/release-name",
            |deployment, _| {
                *deployment = Some(object(&RELEASE[1..], &["kubectl"]));
            },
        ),
        with(
            "no annotation meta.helm.sh/release-namespace",
            |deployment, _| {
                *deployment = Some(object(&RELEASE[..1], &["helm"]));
            },
        ),
        with(r#"release-name: "other", not "op""#, |deployment, _| {
            *deployment = Some(object(&[(RELEASE_NAME, "other"), RELEASE[1]], &["helm"]));
        }),
        with(
            r#"release-namespace: "other", not "system""#,
            |deployment, _| {
                *deployment = Some(object(
                    &[RELEASE[0], (RELEASE_NAMESPACE, "other")],
                    &["helm"],
                ));
            },
        ),
        with("Job system/op-drain does not exist", |_, job| *job = None),
        with("has no annotation helm.sh/hook: pre-delete", |_, job| {
            *job = Some(object(&[("team", "agents")], &["helm"]));
        }),
        with("has no annotation helm.sh/hook: pre-delete", |_, job| {
            *job = Some(object(&[(HOOK, "post-delete")], &["helm"]));
        }),
        with("applied by kubectl", |_, job| {
            *job = Some(object(
                &[(HOOK, PRE_DELETE), (LAST_APPLIED_ANNOTATION, "{}")],
                &["helm"],
            ));
        }),
        with(r#"written by "kubectl-client-side-apply""#, |_, other| {
            *other = Some(job(&["kubectl-client-side-apply"]));
        }),
        with(r#"written by "argocd-controller""#, |_, other| {
            *other = Some(job(&["argocd-controller"]));
        }),
        with(r#"written by "kustomize-controller""#, |_, other| {
            *other = Some(job(&["helm", "kustomize-controller"]));
        }),
        with(r#"written by "kubectl""#, |deployment, other| {
            *deployment = Some(installed(&["kubectl"]));
            *other = Some(job(&["kubectl"]));
        }),
        with(r#"written by "kapp""#, |deployment, other| {
            *deployment = Some(installed(&["helm", "kapp"]));
            *other = Some(job(&["kapp"]));
        }),
        with("does not tell who wrote it", |_, other| {
            *other = Some(job(&[]))
        }),
    ];
    for case in cases {
        let decided = hook().decide(case.deployment.as_ref(), case.job.as_ref());
        let why = decided.expect_err(case.says);
        assert!(why.contains(case.says), "{why:?} for {}", case.says);
    }
}
