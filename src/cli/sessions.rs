//! A session with each command, as its help ends with. A test types each, and compares what is printed.

pub(crate) const STATUS: &str = "\
Session:
  $ kubectl composio status -A --problems
  NAMESPACE   NAME            USER                   TOOLKIT   STATE          READY   REASON         SINCE
  agents      support-gmail   support@acme.example   gmail     INITIALIZING   False   AwaitingUser   3m
  $ kubectl composio status support-gmail -n agents
  agents/support-gmail: awaiting user
    Since         3m ago, 2026-11-29T09:12:00Z
    ...
    What to do    kubectl composio connect support-gmail -n agents
    User          support@acme.example
    ...";

pub(crate) const EXPLAIN: &str = "\
Session:
  $ kubectl composio explain support-gmail
  agents/support-gmail: account seen
  Now: AwaitUser
    when a link waits for the person
    then wait until it ends
    wait (AwaitingUser), until 2026-11-29T09:22:00Z at most
  At 2026-11-29T09:22:01Z: LinkOver
    ...
  It goes by
    declared: enabled
    account: ca_1234, INITIALIZING
    auth config: ac_1234
    ...

Rights: get on ConnectedAccounts, and list on ConnectRequests to see those that wait. With get on the project and on the
Secret of its API key, and list on ConnectedAccounts, the account is looked at; without, or where Composio does not answer,
or where the project's base URL is not allowed by --allowed-base-url, it goes by the status and says why.";

pub(crate) const CONNECT: &str = "\
Session:
  $ kubectl composio connect support-gmail --wait
  For support@acme.example alone, good for 9m41s: whoever opens it connects an account of their own.
  https://connect.composio.dev/link/lk_...
  connectedaccount.composio.dev/support-gmail connected
  $ kubectl composio connect support-gmail --open     # where the operator serves the connect page
  The page for support@acme.example alone, good until 2026-12-06T00:00:00Z: whoever presses the button connects an account of their own.
  https://connect.acme.example/connect/agents/support-gmail?t=...

Rights: get, list and watch on ConnectedAccounts, and create on ConnectRequests. Without the last one the link is asked for by
annotation, which takes patch on ConnectedAccounts. With delete on ConnectRequests a request that nobody waits for any more
is taken back.";

pub(crate) const RECONCILE: &str = "\
Session:
  $ kubectl composio reconcile support-gmail --wait
  connectedaccount.composio.dev/support-gmail reconciled
  $ kubectl composio reconcile --project ClusterComposioProject/shared
  connectedaccount.composio.dev/team-slack reconcile requested";

pub(crate) const SUSPEND: &str = "\
Session:
  $ kubectl composio suspend -l team=a --wait
  connectedaccount.composio.dev/support-gmail suspended
  $ kubectl composio resume -l team=a --wait
  connectedaccount.composio.dev/support-gmail resumed";

pub(crate) const CREATE: &str = "\
Session:
  $ kubectl composio create gmail --user support@acme.example --name support-gmail
  connectedaccount.composio.dev/support-gmail created
  Its user must sign in: kubectl composio connect support-gmail -n agents
  $ kubectl composio create hubspot --user crm --from-secret crm --scheme API_KEY --export | kubectl apply -f -
  connectedaccount.composio.dev/crm-hubspot created";

pub(crate) const IMPORT: &str = "\
Session:
  $ kubectl composio import --user ada@acme.example
  ---
  # signed in as: \"ada@acme.example\"
  apiVersion: composio.dev/v1alpha1
  kind: ConnectedAccount
  metadata:
    name: ada-acme-example-gmail
    namespace: agents
  spec:
    authConfig: ac_1234
    connectedAccountId: ca_1234
    deletionPolicy: Retain
    toolkit: gmail
    user: ada@acme.example
  $ kubectl composio import --dry-run=server
  connectedaccount.composio.dev/ada-acme-example-gmail created (server dry run)
  $ kubectl composio import --apply
  connectedaccount.composio.dev/ada-acme-example-gmail created

The project must let its objects take accounts over: an entry of spec.allow says so by takeOver: true; a
ComposioProject without spec.allow allows everything.";

pub(crate) const INVENTORY: &str = "\
Session:
  $ kubectl composio inventory --only duplicate --only abandoned --only gone
  ACCOUNT    USER               TOOLKIT   STATE     AGE      OBJECT        FOUND
  ca_1234    bob@acme.example   gmail     ACTIVE    41d      <none>        undeclared,duplicate
  ca_2345    eve                gmail     EXPIRED   3d       <none>        undeclared,abandoned
  ca_3456    <none>             <none>    <none>    <none>   agents/team   gone
  ComposioProject/agents/default: 6 accounts; 3 declared, 3 undeclared, 1 abandoned, 1 duplicate, 1 gone
  $ kubectl composio inventory --prune abandoned --dry-run
  account ca_2345 deleted (dry run)
  $ kubectl composio inventory --prune abandoned
  1 account of ComposioProject/agents/default whose sign-in was never finished will be deleted. Type the project's name to go on:
  ComposioProject/agents/default
  account ca_2345 deleted";

pub(crate) const DIFF: &str = "\
Session:
  $ kubectl composio diff -f accounts.yaml
  agents/support-gmail: changed, account seen
    would disable ca_1234 (Disable)
  $ cat accounts.yaml | kubectl composio diff --delete -f -
  agents/support-gmail: deleted, account seen
    would revoke the grant of ca_1234 (DeletingRevoke)
    would delete ca_1234 (DeletingRevoked)
    would let the object go (DeletingGone)

Rights: get on ConnectedAccounts, and list on ConnectRequests to see those that wait. With create and update on
ConnectedAccounts the apiserver judges the manifests too; with get on the project and on the Secret of its API key, and list
on ConnectedAccounts, the accounts are looked at.";

pub(crate) const REGISTER: &str = "\
Session:
  $ kubectl composio webhook register --url https://connect.acme.example/webhooks/ComposioProject/agents/default
  secret/default-webhook created
  Composio tells https://connect.acme.example/webhooks/ComposioProject/agents/default of expired accounts of ComposioProject/agents/default, and signs with the key \"secret\" of the Secret agents/default-webhook.";

pub(crate) const CHECK: &str = "\
Session:
  $ kubectl composio check
  ok      cluster: Kubernetes v1.33.1 answers
  ok      definitions: v1alpha1 is served, with the fields of this program
  ok      your rights: all that the commands need in namespace agents
  unknown marks: you may write what only the operator should in namespace agents, policy or not: whether others may is told to whoever may only edit objects
  ok      operator: composio-system/composio-operator: 1 of 1 ready
  ok      operator's rights: all that it does is allowed, where it is to work
  ok      leader: composio-system/composio-operator: composio-operator-6c9f leads
  ok      projects: ComposioProject/default: Available

A line says ok, unknown where you may not see a thing, or FAILED. With one that FAILED the exit code is 1.";

pub(crate) const VERSION: &str = "\
Session:
  $ kubectl composio version
  kubectl-composio 0.1.0, for composio.dev/v1alpha1
  Kubernetes v1.33.1
  composio-operator 0.1.0 (composio-system/composio-operator)";
