package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "composio.dev", Version: "v1alpha1"}

// ConnectedAccount has the fields of the custom resource that this operator reads or writes, and those that
// it would lose in a PUT.
type ConnectedAccount struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              Spec   `json:"spec"`
	Status            Status `json:"status,omitempty"`
}

type Spec struct {
	User           string       `json:"user"`
	Toolkit        string       `json:"toolkit"`
	AuthConfig     string       `json:"authConfig,omitempty"`
	Enabled        *bool        `json:"enabled,omitempty"`
	Visibility     string       `json:"visibility,omitempty"`
	Sharing        *Sharing     `json:"sharing,omitempty"`
	Credentials    *Credentials `json:"credentials,omitempty"`
	DeletionPolicy string       `json:"deletionPolicy,omitempty"`
	LinkPolicy     string       `json:"linkPolicy,omitempty"`
	ProjectRef     *ProjectRef  `json:"projectRef,omitempty"`
}

type Sharing struct {
	AllowedUsers []string `json:"allowedUsers,omitempty"`
}

type Credentials struct {
	Scheme    string    `json:"scheme"`
	SecretRef SecretRef `json:"secretRef"`
}

type SecretRef struct {
	Name string `json:"name"`
}

type ProjectRef struct {
	Kind string `json:"kind,omitempty"`
	Name string `json:"name"`
}

type Status struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	ConnectedAccountID string             `json:"connectedAccountId,omitempty"`
	State              string             `json:"state,omitempty"`
	Link               *Link              `json:"link,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type Link struct {
	URL       string `json:"url"`
	ExpiresAt string `json:"expiresAt,omitempty"`
}

type ConnectedAccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []ConnectedAccount `json:"items"`
}

func (in *ConnectedAccount) DeepCopy() *ConnectedAccount {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.Enabled != nil {
		enabled := *in.Spec.Enabled
		out.Spec.Enabled = &enabled
	}
	if in.Spec.Sharing != nil {
		out.Spec.Sharing = &Sharing{AllowedUsers: append([]string(nil), in.Spec.Sharing.AllowedUsers...)}
	}
	if in.Spec.Credentials != nil {
		credentials := *in.Spec.Credentials
		out.Spec.Credentials = &credentials
	}
	if in.Spec.ProjectRef != nil {
		project := *in.Spec.ProjectRef
		out.Spec.ProjectRef = &project
	}
	if in.Status.Link != nil {
		link := *in.Status.Link
		out.Status.Link = &link
	}
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *ConnectedAccount) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *ConnectedAccountList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]ConnectedAccount, len(in.Items))
	for at := range in.Items {
		out.Items[at] = *in.Items[at].DeepCopy()
	}
	return &out
}

func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(groupVersion, &ConnectedAccount{}, &ConnectedAccountList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
}
