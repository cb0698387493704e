{{- define "composio-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "composio-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "composio-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "composio-operator.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Names of what is not in a namespace carry the release's: two releases do not meet. */}}
{{- define "composio-operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "composio-operator.fullname" .) }}
{{- end }}

{{/* Whether the objects of a watched namespace can still be let go once its Role is gone: text, or nothing. */}}
{{- define "composio-operator.letsGo" -}}
{{- if and .Values.rbac.create .Values.rbac.letGo .Values.watchNamespaces -}}
true
{{- end }}
{{- end }}

{{- define "composio-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ include "composio-operator.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "composio-operator.selector" -}}
app.kubernetes.io/name: {{ include "composio-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "composio-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "composio-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "composio-operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What every pod of the program has in common. */}}
{{- define "composio-operator.container" -}}
image: {{ include "composio-operator.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- end }}

{{- define "composio-operator.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- if .Values.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "composio-operator.keySecret" -}}
{{- if .Values.apiKey.existingSecret.name }}
{{- .Values.apiKey.existingSecret.name }}
{{- else }}
{{- include "composio-operator.fullname" . }}-api-key
{{- end }}
{{- end }}

{{/* How Composio is reached: the same for the operator and for the check. */}}
{{- define "composio-operator.reach" -}}
- --api-key-file=/var/run/composio-operator/api-key
{{- with include "composio-operator.baseUrl" . }}
- --base-url={{ . }}
{{- end }}
{{- end }}

{{- define "composio-operator.scope" -}}
{{- with .Values.watchNamespaces }}
- --watch-namespace={{ join "," . }}
{{- end }}
{{- end }}

{{- define "composio-operator.baseUrl" -}}
{{- if .Values.baseUrl }}
{{- .Values.baseUrl }}
{{- else if .Values.sandbox.enabled }}
{{- if .Values.hostNetwork }}
{{- printf "http://127.0.0.1:%d" (int .Values.sandbox.port) }}
{{- else }}
{{- printf "http://%s-sandbox.%s.svc:%d" (include "composio-operator.fullname" .) .Release.Namespace (int .Values.sandbox.port) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "composio-operator.env" -}}
- name: RUST_LOG
  value: {{ .Values.logFilter | quote }}
{{- with .Values.proxy.http }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.https }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if or .Values.customCA.configMap .Values.customCA.secret }}
- name: SSL_CERT_DIR
  value: /etc/ssl/certs:/etc/composio-operator/ca
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "composio-operator.volumes" -}}
- name: api-key
  secret:
    secretName: {{ include "composio-operator.keySecret" . }}
    items:
      - key: {{ .Values.apiKey.existingSecret.key }}
        path: api-key
{{- with .Values.customCA.configMap }}
- name: ca
  configMap:
    name: {{ . }}
    items:
      - key: {{ $.Values.customCA.key }}
        path: ca.crt
{{- end }}
{{- with .Values.customCA.secret }}
- name: ca
  secret:
    secretName: {{ . }}
    items:
      - key: {{ $.Values.customCA.key }}
        path: ca.crt
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "composio-operator.mounts" -}}
- name: api-key
  mountPath: /var/run/composio-operator
  readOnly: true
{{- if or .Values.customCA.configMap .Values.customCA.secret }}
- name: ca
  mountPath: /etc/composio-operator/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the schema cannot say, because it concerns several values. */}}
{{- define "composio-operator.validate" -}}
{{- if and (not .Values.apiKey.existingSecret.name) (not .Values.apiKey.value) (not .Values.sandbox.enabled) }}
{{- fail "there is no API key: name its Secret in apiKey.existingSecret.name, or give apiKey.value for a trial, or set sandbox.enabled" }}
{{- end }}
{{- if and .Values.apiKey.existingSecret.name .Values.apiKey.value }}
{{- fail "apiKey.existingSecret.name and apiKey.value exclude each other" }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) }}
{{- fail "replicas above 1 need leaderElection.enabled, or they would all work at once" }}
{{- end }}
{{- if and .Values.customCA.configMap .Values.customCA.secret }}
{{- fail "customCA.configMap and customCA.secret exclude each other" }}
{{- end }}
{{- if and .Values.sandbox.enabled (or .Values.apiKey.existingSecret.name .Values.apiKey.value) }}
{{- fail "sandbox.enabled and apiKey exclude each other: the operator would send the key in clear text to the sandbox, which has a key of its own. Take apiKey.existingSecret.name and apiKey.value away, or set sandbox.enabled=false" }}
{{- end }}
{{- if and .Values.baseUrl .Values.sandbox.enabled }}
{{- fail "baseUrl and sandbox.enabled exclude each other" }}
{{- end }}
{{- end }}
