//! Objects, accounts and observations, told in English.

use std::{collections::BTreeSet, sync::LazyLock};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};

use crate::{
    composio::model::{Sensitive, State},
    crd::{
        ALIAS_ANNOTATION, Adopted, ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus,
        Credentials, CredentialsStep, DeletionPolicy, FINALIZER, Link, Metadata, ReadyWhen, Reason,
        Scheme, SecretRef, Sharing, Tally,
    },
    plan::{
        AccessGate, AccountLookup, Answer, AuthConfigCheck, Desired, Effect, Failure, Flags,
        Holder, Observed, Pin, Presence, Proof, Refused, SecretSeen, SecretVersion, credentials,
    },
    record::RecordKeys,
};

mod effects;
mod row;
mod wanted;
pub(crate) use effects::*;
pub(crate) use row::{Row, account};

/// The time of every decision.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
/// The computed alias of [`object`].
pub(crate) const ALIAS: &str = "agents-support-gmail-ojk4mmcagnsudmlt";

/// By which the records of a test are signed.
pub(crate) fn keys() -> RecordKeys {
    static KEYS: LazyLock<RecordKeys> =
        LazyLock::new(|| RecordKeys::derive(b"the API key", &Flags::default().project));
    KEYS.clone()
}

pub(crate) fn ago(seconds: i64) -> Timestamp {
    NOW.saturating_sub(SignedDuration::from_secs(seconds))
        .expect("a time")
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(crate) struct DesiredBuilder(pub(crate) Desired);

/// An object that is marked: it has finalizer and alias.
pub(crate) fn object() -> DesiredBuilder {
    let spec = ConnectedAccountSpec {
        user: "support@acme.com".into(),
        toolkit: "gmail".into(),
        enabled: true,
        ..Default::default()
    };
    let mut object = ConnectedAccount::new("support-gmail", spec);
    object.metadata.namespace = Some("agents".into());
    object.metadata.uid = Some("uid-1".into());
    object.metadata.generation = Some(1);
    object.metadata.finalizers = Some(vec![FINALIZER.into()]);
    let pin = Pin::annotation(&Flags::default(), "agents", "support-gmail", Some(ALIAS));
    object.metadata.annotations = Some([(ALIAS_ANNOTATION.into(), pin)].into());
    DesiredBuilder(Desired::of(&object, &Flags::default()))
}

/// What is seen.
#[derive(Clone, Debug)]
pub(crate) struct ObservedBuilder(pub(crate) Observed);

pub(crate) fn sight(account: AccountLookup, fresh: bool) -> ObservedBuilder {
    ObservedBuilder(Observed {
        recorded: ConnectedAccountStatus::default(),
        keys: keys(),
        account,
        fresh,
        secret: SecretSeen::NotUsed,
        auth_config: AuthConfigCheck::Fit("ac_1".into()),
        holder: None,
        others_held: BTreeSet::new(),
        all_objects_known: true,
        gate: AccessGate::default(),
        refused: Vec::new(),
        done: Vec::new(),
    })
}

/// A fresh look that found the account.
pub(crate) fn seen(row: Row) -> ObservedBuilder {
    sight(AccountLookup::One(row.0), true)
}

/// A fresh look that found several.
pub(crate) fn seen_all(rows: Vec<Row>) -> ObservedBuilder {
    sight(
        AccountLookup::of(rows.into_iter().map(|row| row.0).collect(), None),
        true,
    )
}

/// A fresh look that found none.
pub(crate) fn seen_none() -> ObservedBuilder {
    sight(AccountLookup::Absent, true)
}

pub(crate) fn not_looked() -> ObservedBuilder {
    sight(AccountLookup::NotLooked, false)
}

impl ObservedBuilder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Observed)) -> Self {
        change(&mut self.0);
        self
    }

    fn status(self, change: impl FnOnce(&mut ConnectedAccountStatus)) -> Self {
        self.with(|observed| change(&mut observed.recorded))
    }

    pub(crate) fn cached(self) -> Self {
        self.with(|observed| observed.fresh = false)
    }

    pub(crate) fn recorded(self, id: &str) -> Self {
        self.named_by_status(id)
            .status(|status| status.record = Some(keys().sign(ALIAS, id)))
    }

    /// An id stands in the status, and nothing proves that the operator wrote it.
    pub(crate) fn named_by_status(self, id: &str) -> Self {
        self.status(|status| {
            status.connected_account_id = Some(id.into());
            status.auth_config = Some("ac_1".into());
        })
    }

    /// The record was signed before the API key was changed.
    pub(crate) fn recorded_with_another_key(self, id: &str) -> Self {
        self.named_by_status(id).status(|status| {
            let former = RecordKeys::derive(b"the former API key", &Flags::default().project);
            status.record = Some(former.sign(ALIAS, id));
        })
    }

    /// The account was found by its declared alias.
    pub(crate) fn adopted(self) -> Self {
        self.status(|status| {
            status.record = None;
            status.adopted = Some(Adopted::ByDeclaredAlias);
        })
    }

    pub(crate) fn recorded_state(self, state: State) -> Self {
        self.status(|status| status.state = Some(state.as_str().into()))
    }

    pub(crate) fn link_issued(self, at: Timestamp) -> Self {
        self.status(|status| status.last_link_issued_at = Some(MicroTime(at)))
    }

    /// A link issued a minute ago, good for nine more.
    pub(crate) fn good_link(self) -> Self {
        self.link_until(ago(-540)).link_issued(ago(60))
    }

    pub(crate) fn link_until(self, expires_at: Timestamp) -> Self {
        self.status(|status| {
            let link = Link::in_clear("https://connect.example/1", Time(expires_at));
            status.link = Some(link);
        })
    }

    pub(crate) fn connected(self, at: Timestamp) -> Self {
        self.status(|status| {
            status.connected_at = Some(MicroTime(at));
            status.first_connected_at.get_or_insert(MicroTime(at));
        })
    }

    pub(crate) fn once_connected(self) -> Self {
        self.status(|status| status.first_connected_at = Some(MicroTime(ago(5000))))
    }

    pub(crate) fn unknown_since(self, at: Timestamp) -> Self {
        self.status(|status| status.unknown_since = Some(MicroTime(at)))
    }

    pub(crate) fn handled_link_request(self, token: &str) -> Self {
        self.status(|status| status.last_handled_link_request = Some(token.into()))
    }

    pub(crate) fn handled_look_request(self, token: &str) -> Self {
        self.status(|status| status.last_handled_reconcile_at = Some(token.into()))
    }

    pub(crate) fn corrected(self, since: Timestamp, count: u32) -> Self {
        self.status(|status| {
            status.observed_generation = Some(1);
            status.corrections = Some(Tally {
                since: MicroTime(since),
                count,
            });
        })
    }

    pub(crate) fn having_done(self, effects: &[Effect]) -> Self {
        self.with(|observed| observed.done = effects.to_vec())
    }

    pub(crate) fn revoke_refused(self, since: Timestamp, count: u32) -> Self {
        self.status(|status| {
            status.revoke_refusals = Some(Tally {
                since: MicroTime(since),
                count,
            });
        })
    }

    pub(crate) fn condition(self, type_: &str, value: &str, reason: Reason) -> Self {
        self.status(|status| {
            status.conditions.push(Condition {
                type_: type_.into(),
                status: value.into(),
                reason: reason.as_str().into(),
                message: String::new(),
                observed_generation: Some(1),
                last_transition_time: Time(ago(600)),
            });
        })
    }

    /// A namespace that is watched cannot be read.
    pub(crate) fn with_objects_unknown(self) -> Self {
        self.with(|observed| observed.all_objects_known = false)
    }

    pub(crate) fn held_by(self, object: &str) -> Self {
        self.with(|observed| {
            observed.holder = Some(Holder {
                object: object.into(),
            });
        })
    }

    /// One of several that is not the first is managed by another object.
    pub(crate) fn other_is_held(self, id: &str) -> Self {
        self.with(|observed| {
            observed.others_held.insert(id.into());
        })
    }

    pub(crate) fn auth_config(self, check: AuthConfigCheck) -> Self {
        self.with(|observed| observed.auth_config = check)
    }

    pub(crate) fn secret(self, secret: SecretSeen) -> Self {
        self.with(|observed| observed.secret = secret)
    }

    pub(crate) fn with_secret(self) -> Self {
        self.secret(SecretSeen::Present {
            version: version("uid/7"),
            values: [("generic_api_key".into(), Sensitive::new("uid/7"))].into(),
        })
    }

    /// A Secret of that version, in which the version is the key, with other fields beside it.
    pub(crate) fn with_data(self, of: &str, others: &[(&str, &str)]) -> Self {
        let others = others.iter();
        let mut values: std::collections::BTreeMap<String, Sensitive> = others
            .map(|(field, value)| ((*field).into(), Sensitive::new(*value)))
            .collect();
        values.insert("generic_api_key".into(), Sensitive::new(of));
        let version = version(of);
        self.secret(SecretSeen::Present { version, values })
    }

    /// That version of the Secret was sent last to the recorded account. Each version has data of its own.
    pub(crate) fn sent(self, version: &str, step: CredentialsStep) -> Self {
        self.sent_as(&object().made_from_secret().0, version, &[], step)
    }

    /// The same for an object, with other fields.
    pub(crate) fn sent_as(
        self,
        desired: &Desired,
        version: &str,
        others: &[(&str, &str)],
        step: CredentialsStep,
    ) -> Self {
        let sent = Self(self.0.clone()).with_data(version, others).0;
        self.status(|status| {
            let account = status.connected_account_id.clone();
            status.credentials =
                credentials::record(desired, &sent, account.as_deref(), step, None);
        })
    }

    pub(crate) fn read_closed(self) -> Self {
        self.with(|observed| observed.gate.read_closed_until = Some(ago(-30)))
    }

    pub(crate) fn proof(self, proof: Proof) -> Self {
        self.with(|observed| observed.gate.proof = proof)
    }

    pub(crate) fn write_closed(self) -> Self {
        self.with(|observed| observed.gate.write_closed_until = Some(ago(-30)))
    }

    pub(crate) fn refused(self, effect: Effect, failure: Failure) -> Self {
        self.with(|observed| observed.refused.push(Refused { effect, failure }))
    }
}

/// A version, written `<uid>/<resourceVersion>`.
pub(crate) fn version(text: &str) -> SecretVersion {
    let (uid, resource_version) = text.split_once('/').expect("both");
    SecretVersion {
        uid: uid.into(),
        resource_version: resource_version.into(),
    }
}

pub(crate) fn failure(reason: Reason, answer: Answer) -> Failure {
    Failure {
        reason,
        message: "could not do it".into(),
        answer,
    }
}

/// A 400 about what is declared.
pub(crate) fn rejected() -> Failure {
    failure(Reason::Rejected, Answer::Refused(400))
}
