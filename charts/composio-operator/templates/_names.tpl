{{/* Refuses values that the chart does not have, and says which were meant. All of them at once. files/names.json is
generated from the schema, in which names are open: Helm would refuse them with fewer words. */}}
{{- define "composio-operator.validateNamesOfValues" -}}
{{- $names := .Files.Get "files/names.json" | fromJson }}
{{- with include "composio-operator.missing" (list "" .Values $names) | fromJsonArray }}
{{- fail (printf "these values of the chart are missing: %s. helm upgrade --reuse-values brings those of the former chart alone: use --reset-then-reuse-values. What holds other values cannot be null" (join ", " .)) }}
{{- end }}
{{- $found := include "composio-operator.unknown" (list "" .Values $names $names) | trim }}
{{- $alerts := dict }}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups }}
{{- range .rules }}
{{- $_ := set $alerts .alert (dict "enabled" true "for" true "severity" true "labels" true "annotations" true) }}
{{- end }}
{{- end }}
{{- $found = printf "%s\n%s" $found (include "composio-operator.unknown" (list "metrics.rules.alerts" .Values.metrics.rules.alerts $alerts $names)) | trim }}
{{- with regexReplaceAll "\n+" $found "\n" | trim }}
{{- fail (printf "this chart has no such values:\n%s" .) }}
{{- end }}
{{- end }}

{{/* The values that hold others and are not there: a list in JSON. Called with path, values, the names there. */}}
{{- define "composio-operator.missing" -}}
{{- $path := index . 0 }}
{{- $values := index . 1 }}
{{- $found := list }}
{{- range $name, $below := index . 2 }}
{{- $at := list $path $name | compact | join "." }}
{{- if kindIs "map" $below }}
{{- if kindIs "map" (get $values $name) }}
{{- $found = concat $found (include "composio-operator.missing" (list $at (get $values $name) $below) | fromJsonArray) }}
{{- else }}
{{- $found = append $found $at }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* A line for each name that is not in the tree of names. Called with path, values, the names there, all names. */}}
{{- define "composio-operator.unknown" -}}
{{- $path := index . 0 }}
{{- $names := index . 2 }}
{{- $all := index . 3 }}
{{- range $name, $value := index . 1 }}
{{- $at := list $path $name | compact | join "." }}
{{- if not (hasKey $names $name) }}
{{- $meant := include "composio-operator.meant" (list $path $name $names $all) }}
{{ printf "- %s%s" $at (ternary "" (printf ": did you mean %s?" $meant) (empty $meant)) }}
{{- else if kindIs "map" (get $names $name) }}
{{- if kindIs "map" $value }}
{{ include "composio-operator.unknown" (list $at $value (get $names $name) $all) | trim }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What somebody may have meant by a name: what it is called here, a name beside it that is spelt alike, or one of the same
name elsewhere. Nothing, if there is none. Called with path, name, the names there, all names. */}}
{{- define "composio-operator.meant" -}}
{{- $path := index . 0 }}
{{- $name := index . 1 }}
{{- $at := list $path $name | compact | join "." }}
{{- $called := dict
  "annotations" "commonAnnotations or deploymentAnnotations"
  "apiKey" "project.apiKeySecretRef, or project.apiKey for a trial"
  "args" "extraArgs"
  "baseUrl" "project.baseURL and allowedBaseURLs"
  "baseURL" "project.baseURL and allowedBaseURLs"
  "concurrency" "config.concurrency"
  "config.aliasPrefix" "project.aliasPrefix"
  "config.apiKeyFile" "project.apiKeySecretRef"
  "config.baseUrl" "project.baseURL and allowedBaseURLs"
  "config.logFormat" "log.format"
  "config.logLevel" "log.level"
  "connect.replicas" "connect.replicaCount"
  "containerSecurityContext" "securityContext"
  "crds.create" "crds.enabled"
  "crds.install" "crds.enabled"
  "dashboard" "metrics.dashboard"
  "deployment.annotations" "deploymentAnnotations"
  "env" "extraEnv"
  "extraDeploy" "extraObjects"
  "extraEnvFrom" "envFrom"
  "extraEnvVars" "extraEnv"
  "extraManifests" "extraObjects"
  "grafana" "metrics.dashboard"
  "image.name" "image.repository"
  "ingress" "connect.ingress"
  "initContainers" "extraInitContainers"
  "installCRDs" "crds.enabled"
  "labels" "commonLabels"
  "leaderElect" "leaderElection.enabled"
  "logFilter" "log.level"
  "logFormat" "log.format"
  "logLevel" "log.level"
  "metrics.enabled" "metrics.service.enabled"
  "metrics.grafanaDashboard" "metrics.dashboard"
  "metrics.prometheusRule" "metrics.rules"
  "namespace" "namespaceOverride"
  "pdb" "podDisruptionBudget"
  "pollInterval" "config.pollInterval"
  "prometheus" "metrics"
  "prometheusRule" "metrics.rules"
  "pullPolicy" "image.pullPolicy"
  "replicas" "replicaCount"
  "scopedNamespaces" "watchNamespaces"
  "serviceAccount.automountServiceAccountToken" "serviceAccount.automount"
  "serviceMonitor" "metrics.serviceMonitor"
  "sidecars" "extraContainers"
  "updateStrategy" "strategy"
  "volumeMounts" "extraVolumeMounts"
  "volumes" "extraVolumes"
  "watchNamespace" "watchNamespaces" }}
{{- if hasKey $called $at }}
{{- get $called $at }}
{{- else }}
{{- $best := "" }}
{{- $least := max 1 (div (len $name) 3) | min 3 | add1 | int }}
{{- range $candidate, $_ := index . 2 }}
{{- $distance := include "composio-operator.distance" (list (lower $name) (lower $candidate)) | atoi }}
{{- if and (gt (len $name) 3) (hasPrefix (lower $name) (lower $candidate)) }}
{{- $distance = min 1 $distance | int }}
{{- end }}
{{- if lt $distance $least }}
{{- $least = $distance }}
{{- $best = $candidate }}
{{- end }}
{{- end }}
{{- $elsewhere := list }}
{{- if gt $least 1 }}
{{- $elsewhere = include "composio-operator.elsewhere" (list "" $name (index . 3)) | fromJsonArray }}
{{- end }}
{{- if has (len $elsewhere) (list 1 2 3) }}
{{- join " or " $elsewhere }}
{{- else if $best }}
{{- list $path $best | compact | join "." }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where in the tree a name is, in whatever case: a list in JSON. Called with path, name, the names there. */}}
{{- define "composio-operator.elsewhere" -}}
{{- $path := index . 0 }}
{{- $name := index . 1 }}
{{- $found := list }}
{{- range $candidate, $below := index . 2 }}
{{- $at := list $path $candidate | compact | join "." }}
{{- if eq (lower $candidate) (lower $name) }}
{{- $found = append $found $at }}
{{- else if kindIs "map" $below }}
{{- $found = concat $found (include "composio-operator.elsewhere" (list $at $name $below) | fromJsonArray) }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* How many letters must be changed, added or left out to make one word of another. */}}
{{- define "composio-operator.distance" -}}
{{- $to := last . | splitList "" }}
{{- $row := until (len $to | add1 | int) }}
{{- range $i, $from := first . | splitList "" }}
{{- $next := list (add1 $i) }}
{{- range $j, $letter := $to }}
{{- $changed := add (index $row $j) (ternary 0 1 (eq $from $letter)) }}
{{- $next = append $next (min $changed (add1 (index $row (add1 $j))) (add1 (last $next))) }}
{{- end }}
{{- $row = $next }}
{{- end }}
{{- last $row }}
{{- end }}
