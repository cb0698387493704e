//! What can be wanted.

use super::*;

pub(in crate::plan::tests) fn wanted(dice: &mut Dice) -> DesiredBuilder {
    let users = |dice: &mut Dice| (0..dice.number(4)).map(|_| dice.text(&USERS)).collect();
    let spec = ConnectedAccountSpec {
        project_ref: ProjectRef::default(),
        user: dice.text(&USERS),
        toolkit: dice.text(&TOOLKITS),
        auth_config: dice.maybe(|dice| dice.text(&AUTH_CONFIGS)),
        enabled: !dice.once_in(3),
        visibility: dice.of(&[crd::Visibility::Private, crd::Visibility::Shared]),
        sharing: dice.maybe(|dice| Sharing {
            allow_all: dice.once_in(2),
            allowed_users: users(dice),
            denied_users: users(dice),
        }),
        metadata: dice.maybe(|dice| Metadata {
            alias: dice.maybe(|dice| dice.text(&ALIASES)),
        }),
        credentials: dice.maybe(|dice| Credentials {
            scheme: dice.of(&[Scheme::ApiKey, Scheme::S2sOauth2]),
            secret_ref: Some(SecretRef {
                name: dice.text(&["gmail-key"]),
                ..Default::default()
            }),
        }),
        connection_data: dice
            .maybe(|dice| [(dice.text(&["subdomain"]), dice.text(&["acme", "other"]))].into()),
        link_policy: dice.maybe(|dice| dice.of(&[LinkPolicy::OnDemand, LinkPolicy::Immediate])),
        description: None,
        person: None,
        expected_identity: dice.maybe(|dice| dice.text(&IDENTITIES)),
        callback_url: dice.maybe(|dice| dice.text(&["https://acme.example/connected"])),
        connected_account_id: dice.maybe(|dice| dice.text(&IDS)),
        ready_when: dice.of(&[ReadyWhen::Active, ReadyWhen::LinkIssued]),
        deletion_policy: dice.of(&[
            DeletionPolicy::Revoke,
            DeletionPolicy::Revoke,
            DeletionPolicy::Delete,
            DeletionPolicy::Retain,
        ]),
        write_to: None,
        suspend: dice.once_in(8),
    };
    object().with(|desired| {
        desired.name = dice.text(&["support-gmail"]);
        let alias = spec
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.alias.clone());
        desired.alias = alias.unwrap_or_else(|| desired.own_alias.clone());
        desired.own_account = dice.once_in(8).then(|| dice.text(&IDS));
        desired.spec = spec;
        desired.generation = dice.number(3) as i64 - 1;
        desired.abandon =
            dice.maybe(|dice| dice.text(&[IDS.as_slice(), ALIASES.as_slice()].concat()));
        // As the operator leaves it, most of the time.
        desired.pin = match dice.number(8) {
            0 => Pin::Absent,
            1 => Pin::Own {
                alias: Some(dice.text(&ALIASES)),
            },
            2 => Pin::Own { alias: None },
            3 => {
                desired.moves_here = dice.once_in(2);
                let project = dice.text(&["ComposioProject/default", "ComposioProject/other"]);
                let other_id = dice.once_in(4).then(|| "pr_other".to_owned());
                let is_here = project == "ComposioProject/default" && other_id.is_none();
                Pin::Former {
                    alias: (is_here || !dice.once_in(4)).then(|| dice.text(&ALIASES)),
                    prefix: dice.text(&["old-"]),
                    project,
                    other_id,
                }
            }
            4 => Pin::Foreign {
                object: dice.maybe(|dice| dice.text(&["other/mail"])),
            },
            _ => Pin::Own {
                alias: Some(desired.alias.clone()),
            },
        };
        if dice.once_in(3) {
            desired.flags.policy = (!dice.once_in(8)).then(|| Arc::new(policy(dice)));
        }
        desired.before = dice.number(3) as usize;
        desired.finalizer = !dice.once_in(4);
        desired.link_request = dice.maybe(|dice| dice.text(&TOKENS));
        if dice.once_in(4) {
            desired.flags.page = Some(requests::any_page(dice));
        }
        if dice.once_in(4) {
            desired.requests = requests::requests(dice, &desired.uid);
            if desired.requests.iter().any(|one| one.session.is_some()) {
                desired.flags.page = Some(match dice.once_in(4) {
                    true => requests::any_page(dice),
                    false => requests::page(),
                });
            }
        }
        desired.ignored_link_request = dice.once_in(8).then(|| dice.text(&TOKENS));
        desired.reconcile_request = dice.maybe(|dice| dice.text(&TOKENS));
        if dice.once_in(2) {
            desired.presence = Presence::Deleting {
                since: dice.time(&times()),
            };
        }
    })
}

/// What the project allows: mostly what is asked for but for one thing.
fn policy(dice: &mut Dice) -> Policy {
    let all = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let mut allow = Allow {
        take_over: !dice.once_in(4),
        sources: Some(vec![Source::SignIn, Source::Secret]),
        sharing: Some(SharingLimit::All),
        ..Allow::default()
    };
    match dice.number(12) {
        0 => allow.users = all(&USERS[..1]),
        1 => allow.toolkits = all(&TOOLKITS[..1]),
        2..=6 => allow.auth_configs = all(&AUTH_CONFIGS[..1]),
        7 => allow.visibilities = Some(vec![crd::Visibility::Private]),
        8 => allow.sources = Some(vec![dice.of(&[Source::SignIn, Source::Secret])]),
        9 => allow.sharing = None,
        10 => allow.max_accounts = Some(1),
        _ => allow.namespaces = all(&["other"]),
    }
    allow.identity = dice.once_in(3).then_some(crd::IdentityDemand::SameAsPerson);
    allow.sign_in = dice.once_in(3).then_some(crd::SignInDemand::Bound);
    if dice.once_in(8) {
        allow.people = all(&USERS[..1]);
    }
    if dice.once_in(2) {
        let policies = [DeletionPolicy::Delete, DeletionPolicy::Revoke];
        allow.deletion_policies = Some(vec![dice.of(&policies)]);
    }
    Policy::new(ProjectKind::ClusterComposioProject, Some(&[allow]))
}
