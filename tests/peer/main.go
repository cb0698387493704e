// A plain operator of controller-runtime for the same custom resource: a finalizer, one POST, a status, a GET of
// each account again and again, one DELETE. It knows nothing of crashes, copies, projects or limits; it is here as
// the measure of how fast the work can be done.
//
//	peer --namespace NAMESPACE --base-url URL --api-key-file FILE   reconciles, with KUBECONFIG
//	peer version                                                    names itself
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const (
	finalizer = "bench.composio.dev/peer"
	workers   = 16
	poll      = time.Minute
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("peer 1.0")
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	var namespace, baseURL, keyFile string
	flag.StringVar(&namespace, "namespace", "", "whose objects are reconciled")
	flag.StringVar(&baseURL, "base-url", "", "where Composio is")
	flag.StringVar(&keyFile, "api-key-file", "", "a file with the API key")
	flag.Parse()
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	log.SetLogger(logr.Discard())
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	// Off: what limits it is the apiserver and Composio.
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	addToScheme(scheme)
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Metrics:                server.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Cache:                  cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
	})
	if err != nil {
		return err
	}
	reconciler := &reconciler{
		Client:   manager.GetClient(),
		composio: newComposio(baseURL, strings.TrimSpace(string(key))),
	}
	// Without its own writes: an event of the finalizer is seen before the cache has the status, and makes a second account.
	declared := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	err = ctrl.NewControllerManagedBy(manager).
		For(&ConnectedAccount{}, declared).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(reconciler)
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

type reconciler struct {
	client.Client
	composio *Composio
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	account := &ConnectedAccount{}
	if err := r.Get(ctx, request.NamespacedName, account); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	result, err := r.reconcile(ctx, account)
	if apierrors.IsConflict(err) {
		// The cache is behind. What was made is in the status of the next version, or was not made.
		return ctrl.Result{RequeueAfter: 10 * time.Millisecond}, nil
	}
	return result, err
}

func (r *reconciler) reconcile(ctx context.Context, account *ConnectedAccount) (ctrl.Result, error) {
	if !account.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, account)
	}
	if controllerutil.AddFinalizer(account, finalizer) {
		if err := r.Update(ctx, account); err != nil {
			return ctrl.Result{}, err
		}
	}
	if account.Status.ConnectedAccountID == "" {
		made, err := r.make(ctx, account)
		if err != nil {
			return ctrl.Result{}, err
		}
		account.Status.ConnectedAccountID = made.id()
		account.Status.State = made.state()
		if made.RedirectURL != "" {
			account.Status.Link = &Link{URL: made.RedirectURL, ExpiresAt: made.ExpiresAt}
		}
		return r.report(ctx, account)
	}
	seen, err := r.composio.get(ctx, account.Status.ConnectedAccountID)
	switch {
	case errors.Is(err, errNotFound):
		account.Status.State = "NOT_FOUND"
	case err != nil:
		return ctrl.Result{}, err
	case seen.state() == account.Status.State:
		return again(), nil
	default:
		account.Status.State = seen.state()
	}
	return r.report(ctx, account)
}

// make asks for the account that is declared.
func (r *reconciler) make(ctx context.Context, account *ConnectedAccount) (*Account, error) {
	credentials := account.Spec.Credentials
	if credentials == nil {
		return r.composio.link(ctx, account.Spec)
	}
	secret := &corev1.Secret{}
	name := client.ObjectKey{Namespace: account.Namespace, Name: credentials.SecretRef.Name}
	if err := r.Get(ctx, name, secret); err != nil {
		return nil, err
	}
	return r.composio.create(ctx, account.Spec, secret.Data)
}

func (r *reconciler) report(ctx context.Context, account *ConnectedAccount) (ctrl.Result, error) {
	account.Status.ObservedGeneration = account.Generation
	ready := metav1.Condition{
		Type: "Ready", Status: metav1.ConditionFalse, Reason: "AwaitingUser",
		Message: "the user must open the link", ObservedGeneration: account.Generation,
	}
	if account.Status.State == "ACTIVE" {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionTrue, "Connected", "the account is connected"
		account.Status.Link = nil
	}
	meta.SetStatusCondition(&account.Status.Conditions, ready)
	if err := r.Status().Update(ctx, account); err != nil {
		return ctrl.Result{}, err
	}
	return again(), nil
}

func (r *reconciler) finalize(ctx context.Context, account *ConnectedAccount) error {
	if !controllerutil.ContainsFinalizer(account, finalizer) {
		return nil
	}
	if id := account.Status.ConnectedAccountID; id != "" {
		if err := r.composio.delete(ctx, id); err != nil {
			return err
		}
	}
	controllerutil.RemoveFinalizer(account, finalizer)
	return client.IgnoreNotFound(r.Update(ctx, account))
}

// again: each object once in a while, and not all at once.
func again() ctrl.Result {
	return ctrl.Result{RequeueAfter: poll + rand.N(poll/10)}
}

func (a *Account) id() string {
	if a.ConnectedAccountID != "" {
		return a.ConnectedAccountID
	}
	return a.ID
}

func (a *Account) state() string {
	if a.Status == "" {
		return "INITIALIZING"
	}
	return a.Status
}
