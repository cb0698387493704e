use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use rstest::rstest;
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

#[rstest]
#[case::helm("helm", "helm")]
#[case::helm_and_then_flux("helm", "helm-controller")]
#[case::flux_and_then_helm("helm-controller", "helm")]
#[case::terraform_of_two_versions(
    "terraform-provider-helm_v3.0.2",
    "terraform-provider-helm_v3.1.0"
)]
#[case::fleet("fleetagent", "fleetagent")]
#[case::pulumi("pulumi-resource-kubernetes", "pulumi-resource-kubernetes")]
#[case::restored_by_velero("velero-server", "helm")]
fn an_uninstall_is_known_whatever_the_program_is_called_that_helm_is_in(
    #[case] installed_by: &str,
    #[case] run_by: &str,
) {
    let decided = hook().decide(Some(&installed(&[installed_by])), Some(&job(&[run_by])));
    assert_eq!(decided, Ok(()), "{installed_by}, {run_by}");
}

#[test]
fn a_job_of_several_hooks_is_one_too() {
    let several = object(&[(HOOK, "pre-rollback, pre-delete")], &["helm"]);
    assert_eq!(
        hook().decide(Some(&installed(&["helm"])), Some(&several)),
        Ok(())
    );
}

/// The Deployment, or the Job.
type Part = Option<ObjectMeta>;

#[rstest]
#[case::no_deployment(
    "Deployment system/op does not exist",
    |deployment: &mut Part, _: &mut Part| {
        *deployment = None;
    }
)]
#[case::a_deployment_that_goes(
    "Deployment system/op is being deleted",
    |deployment: &mut Part, _: &mut Part| {
        let deployment = deployment.as_mut().expect("it is there");
        deployment.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    }
)]
#[case::no_release_name(
    "no annotation meta.helm.sh/release-name",
    |deployment: &mut Part, _: &mut Part| {
        *deployment = Some(object(&RELEASE[1..], &["kubectl"]));
    }
)]
#[case::no_release_namespace(
    "no annotation meta.helm.sh/release-namespace",
    |deployment: &mut Part, _: &mut Part| {
        *deployment = Some(object(&RELEASE[..1], &["helm"]));
    }
)]
#[case::another_release(
    r#"release-name: "other", not "op""#,
    |deployment: &mut Part, _: &mut Part| {
        *deployment = Some(object(&[(RELEASE_NAME, "other"), RELEASE[1]], &["helm"]));
    }
)]
#[case::a_release_of_another_namespace(
    r#"release-namespace: "other", not "system""#,
    |deployment: &mut Part, _: &mut Part| {
        *deployment = Some(object(
            &[RELEASE[0], (RELEASE_NAMESPACE, "other")],
            &["helm"],
        ));
    }
)]
#[case::no_job("Job system/op-drain does not exist", |_: &mut Part, job: &mut Part| *job = None)]
#[case::a_job_without_a_hook(
    "has no annotation helm.sh/hook: pre-delete",
    |_: &mut Part, job: &mut Part| {
        *job = Some(object(&[("team", "agents")], &["helm"]));
    }
)]
#[case::a_job_of_another_hook(
    "has no annotation helm.sh/hook: pre-delete",
    |_: &mut Part, job: &mut Part| {
        *job = Some(object(&[(HOOK, "post-delete")], &["helm"]));
    }
)]
#[case::applied_by_kubectl(
    "applied by kubectl",
    |_: &mut Part, job: &mut Part| {
        *job = Some(object(
            &[(HOOK, PRE_DELETE), (LAST_APPLIED_ANNOTATION, "{}")],
            &["helm"],
        ));
    }
)]
#[case::written_by_kubectl(
    r#"written by "kubectl-client-side-apply""#,
    |_: &mut Part, other: &mut Part| {
        *other = Some(job(&["kubectl-client-side-apply"]));
    }
)]
#[case::written_by_argo_cd(
    r#"written by "argocd-controller""#,
    |_: &mut Part, other: &mut Part| {
        *other = Some(job(&["argocd-controller"]));
    }
)]
#[case::written_by_flux(
    r#"written by "kustomize-controller""#,
    |_: &mut Part, other: &mut Part| {
        *other = Some(job(&["helm", "kustomize-controller"]));
    }
)]
#[case::both_written_by_kubectl(
    r#"written by "kubectl""#,
    |deployment: &mut Part, other: &mut Part| {
        *deployment = Some(installed(&["kubectl"]));
        *other = Some(job(&["kubectl"]));
    }
)]
#[case::both_written_by_kapp(
    r#"written by "kapp""#,
    |deployment: &mut Part, other: &mut Part| {
        *deployment = Some(installed(&["helm", "kapp"]));
        *other = Some(job(&["kapp"]));
    }
)]
#[case::written_by_nobody(
    "does not tell who wrote it",
    |_: &mut Part, other: &mut Part| {
        *other = Some(job(&[]))
    }
)]
fn everything_else_is_refused_and_says_what_is_wrong(
    #[case] says: &str,
    #[case] change: fn(&mut Part, &mut Part),
) {
    let (mut deployment, mut job) = (Some(installed(&["helm"])), Some(job(&["helm"])));
    change(&mut deployment, &mut job);
    let decided = hook().decide(deployment.as_ref(), job.as_ref());
    let why = decided.expect_err(says);
    assert!(why.contains(says), "{why:?} for {says}");
}
