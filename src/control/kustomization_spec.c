#include "control/kustomization_spec.h"

/* ---- What objects of the spec are made of ---- */

static const struct field name_fields[] = {
    FIELD(struct kustomization_name, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the object, in the same namespace."),
};
static const struct schema name_schema = SCHEMA(struct kustomization_name, name_fields);

static const struct field key_fields[] = {
    FIELD(struct kustomization_key, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the Secret, in the same namespace."),
    FIELD(struct kustomization_key, key, "key", FIELD_STR,
          .doc = "Key in the Secret; value or value.yaml when not given."),
};
static const struct schema key_schema = SCHEMA(struct kustomization_key, key_fields);

static const struct field source_fields[] = {
    FIELD(struct kustomization_source, api_version, "apiVersion", FIELD_STR,
          .doc = "Group and version of the source."),
    FIELD(struct kustomization_source, kind, "kind", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES("OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"),
          .doc = "Kind of the source."),
    FIELD(struct kustomization_source, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the source."),
    FIELD(struct kustomization_source, namespace, "namespace", FIELD_STR,
          .doc = "Namespace of the source; that of the Kustomization when not given."),
};
static const struct schema source_schema = SCHEMA(struct kustomization_source, source_fields);

static const struct field selector_fields[] = {
    FIELD(struct kustomization_selector, group, "group", FIELD_STR, .doc = "API group."),
    FIELD(struct kustomization_selector, version, "version", FIELD_STR, .doc = "API version."),
    FIELD(struct kustomization_selector, kind, "kind", FIELD_STR, .doc = "Kind."),
    FIELD(struct kustomization_selector, namespace, "namespace", FIELD_STR, .doc = "Namespace."),
    FIELD(struct kustomization_selector, name, "name", FIELD_STR, .doc = "Name."),
    FIELD(struct kustomization_selector, label_selector, "labelSelector", FIELD_STR,
          .doc = "Label selector, such as app=web,tier!=cache."),
    FIELD(struct kustomization_selector, annotation_selector, "annotationSelector", FIELD_STR,
          .doc = "The same over annotations."),
};
static const struct schema selector_schema = SCHEMA(struct kustomization_selector, selector_fields);

static const struct field health_check_fields[] = {
    FIELD(struct kustomization_health_check, api_version, "apiVersion", FIELD_STR,
          .doc = "Group and version; apps/v1 when not given."),
    FIELD(struct kustomization_health_check, kind, "kind", FIELD_STR, .required = true,
          .doc = "Kind of the object."),
    FIELD(struct kustomization_health_check, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the object."),
    FIELD(struct kustomization_health_check, namespace, "namespace", FIELD_STR,
          .doc = "Namespace of the object; that of the Kustomization when not given."),
};
static const struct schema health_check_schema =
    SCHEMA(struct kustomization_health_check, health_check_fields);

static const struct field health_expr_fields[] = {
    FIELD(struct kustomization_health_expr, api_version, "apiVersion", FIELD_STR, .required = true,
          .doc = "Group and version of the custom resources."),
    FIELD(struct kustomization_health_expr, kind, "kind", FIELD_STR,
          .doc = "Their kind; every kind of the group when not given."),
    FIELD(struct kustomization_health_expr, current, "current", FIELD_STR, .required = true,
          .doc = "True when the object is healthy."),
    FIELD(struct kustomization_health_expr, in_progress, "inProgress", FIELD_STR,
          .doc = "True while the object is on its way; asked first."),
    FIELD(struct kustomization_health_expr, failed, "failed", FIELD_STR,
          .doc = "True when the object has failed; asked second."),
};
static const struct schema health_expr_schema =
    SCHEMA(struct kustomization_health_expr, health_expr_fields);

static const struct field dependency_fields[] = {
    FIELD(struct kustomization_dependency, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the Kustomization."),
    FIELD(struct kustomization_dependency, namespace, "namespace", FIELD_STR,
          .doc = "Its namespace; our own when not given."),
    FIELD(struct kustomization_dependency, ready_expr, "readyExpr", FIELD_STR,
          .doc = "A CEL expression over self and dep that decides instead of the Ready condition."),
};
static const struct schema dependency_schema =
    SCHEMA(struct kustomization_dependency, dependency_fields);

static const struct field ignore_fields[] = {
    FIELD(struct kustomization_ignore, paths, "paths", FIELD_STR_LIST, .required = true,
          .doc = "JSON pointers of fields whose drift is left alone, such as /spec/replicas."),
    FIELD(struct kustomization_ignore, target, "target", FIELD_OBJECT, .schema = &selector_schema,
          .doc = "The objects it holds for; all of them when not given."),
};
static const struct schema ignore_schema = SCHEMA(struct kustomization_ignore, ignore_fields);

/* ---- What is laid over the kustomization file, kept as nodes ---- */

static const struct field patch_fields[] = {
    FIELD_SHOWN("patch", FIELD_STR, .required = true,
                .doc =
                    "A strategic merge patch, or a list of JSON patch operations, as YAML text."),
    FIELD_SHOWN("target", FIELD_OBJECT, .schema = &selector_schema,
                .doc = "The objects to patch; the one that the patch names when not given."),
};
static const struct schema patch_schema = SCHEMA_SHOWN(patch_fields);

static const struct field image_fields[] = {
    FIELD_SHOWN("name", FIELD_STR, .required = true, .doc = "The image to replace, without a tag."),
    FIELD_SHOWN("newName", FIELD_STR, .doc = "Its new name."),
    FIELD_SHOWN("newTag", FIELD_STR, .doc = "Its new tag."),
    FIELD_SHOWN("digest", FIELD_STR, .doc = "Its new digest; goes before newTag."),
};
static const struct schema image_schema = SCHEMA_SHOWN(image_fields);

static const struct field metadata_fields[] = {
    FIELD(struct kustomization_metadata, labels, "labels", FIELD_STR_MAP,
          .doc = "Labels set on every object."),
    FIELD(struct kustomization_metadata, annotations, "annotations", FIELD_STR_MAP,
          .doc = "Annotations set on every object."),
};
static const struct schema metadata_schema = SCHEMA(struct kustomization_metadata, metadata_fields);

/* ---- Substitution, decryption, remote clusters ---- */

static const struct field variables_fields[] = {
    FIELD(struct kustomization_variables, kind, "kind", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES("Secret", "ConfigMap"), .doc = "Where the variables are."),
    FIELD(struct kustomization_variables, name, "name", FIELD_STR, .required = true,
          .min_length = 1, .max_length = 253, .doc = "Its name, in the same namespace."),
    FIELD(struct kustomization_variables, optional, "optional", FIELD_BOOL, .fallback = "false",
          .doc = "A missing object is no error."),
};
static const struct schema variables_schema =
    SCHEMA(struct kustomization_variables, variables_fields);

static const struct field post_build_fields[] = {
    FIELD(struct kustomization_post_build, substitute, "substitute", FIELD_STR_MAP,
          .doc = "Variables and their values; they go before those of substituteFrom."),
    FIELD(struct kustomization_post_build, substitute_from, "substituteFrom", FIELD_LIST,
          .schema = &variables_schema,
          .doc = "ConfigMaps and Secrets that hold variables; later ones go before earlier ones."),
    FIELD(struct kustomization_post_build, substitute_strategy, "substituteStrategy", FIELD_ENUM,
          .choices = SCHEMA_CHOICES("WithVariables", "Always"),
          .doc = "Whether to substitute when there is no variable; WithVariables when not given."),
};
static const struct schema post_build_schema =
    SCHEMA(struct kustomization_post_build, post_build_fields);

static const struct field decryption_fields[] = {
    FIELD(struct kustomization_decryption, provider, "provider", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES("sops"), .doc = "The format of the encrypted files."),
    FIELD(struct kustomization_decryption, secret_ref, "secretRef", FIELD_OBJECT,
          .schema = &name_schema, .doc = "The Secret with the private keys."),
    FIELD(struct kustomization_decryption, service_account_name, "serviceAccountName", FIELD_STR,
          .doc = "The ServiceAccount whose identity a cloud's key service is asked with."),
};
static const struct schema decryption_schema =
    SCHEMA(struct kustomization_decryption, decryption_fields);

static const struct field kube_config_fields[] = {
    FIELD(struct kustomization_kube_config, secret_ref, "secretRef", FIELD_OBJECT,
          .schema = &key_schema, .doc = "The Secret with a kubeconfig."),
    FIELD(struct kustomization_kube_config, config_map_ref, "configMapRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The ConfigMap that says how to get a token: provider, cluster, address, ca.crt, "
                 "audiences, serviceAccountName."),
};
#define KUBE_CONFIG_MESSAGE                                                                        \
    "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified"
static const struct schema_rule kube_config_rules[] = {
    {"has(self.configMapRef) || has(self.secretRef)", KUBE_CONFIG_MESSAGE},
    {"!has(self.configMapRef) || !has(self.secretRef)", KUBE_CONFIG_MESSAGE},
};
static const struct schema kube_config_schema =
    SCHEMA(struct kustomization_kube_config, kube_config_fields, SCHEMA_RULES(kube_config_rules));

/* ---- The spec ---- */

static const struct field spec_fields[] = {
    FIELD(struct kustomization_spec, interval_ns, "interval", FIELD_DURATION, .required = true,
          .doc = "How often everything is looked at again, whatever happens."),
    FIELD(struct kustomization_spec, retry_interval_ns, "retryInterval", FIELD_DURATION,
          .doc = "When to try again after a failure; interval when not given."),
    FIELD(struct kustomization_spec, timeout_ns, "timeout", FIELD_DURATION,
          .doc = "How long health checks may take; interval less 30s, but at least 30s, when not "
                 "given."),
    FIELD(struct kustomization_spec, source_ref, "sourceRef", FIELD_OBJECT, .required = true,
          .schema = &source_schema, .doc = "Where the files come from."),
    FIELD(struct kustomization_spec, path, "path", FIELD_STR,
          .doc = "The folder in the source; its root when not given."),
    FIELD(struct kustomization_spec, prune, "prune", FIELD_BOOL, .required = true,
          .doc = "Whether objects that are no longer in the files are deleted."),
    FIELD(struct kustomization_spec, deletion_policy, "deletionPolicy", FIELD_ENUM,
          .choices = SCHEMA_CHOICES("MirrorPrune", "Delete", "WaitForTermination", "Orphan"),
          .doc = "What becomes of the objects when the Kustomization is deleted; MirrorPrune, as "
                 "prune says, when not given."),
    FIELD(struct kustomization_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Stops all work; what was applied stays."),
    FIELD(struct kustomization_spec, force, "force", FIELD_BOOL, .fallback = "false",
          .doc = "Deletes and makes again objects whose immutable fields change."),
    FIELD(struct kustomization_spec, wait, "wait", FIELD_BOOL,
          .doc = "Ready needs every applied object to be healthy; healthChecks is not looked at."),
    FIELD(struct kustomization_spec, health_checks, "healthChecks", FIELD_LIST,
          .schema = &health_check_schema, .doc = "Ready needs these objects to be healthy."),
    FIELD(struct kustomization_spec, health_exprs, "healthCheckExprs", FIELD_LIST,
          .schema = &health_expr_schema,
          .doc = "CEL expressions that say when custom resources are healthy."),
    FIELD(struct kustomization_spec, depends_on, "dependsOn", FIELD_LIST,
          .schema = &dependency_schema, .doc = "Kustomizations that have to be ready first."),
    FIELD(struct kustomization_spec, ignore, "ignore", FIELD_LIST, .schema = &ignore_schema,
          .doc = "Fields whose drift is left alone."),
    FIELD(struct kustomization_spec, target_namespace, "targetNamespace", FIELD_STR,
          .min_length = 1, .max_length = 63, .doc = "Sets or replaces the namespace of objects."),
    FIELD(struct kustomization_spec, name_prefix, "namePrefix", FIELD_STR, .min_length = 1,
          .max_length = 200, .doc = "Put in front of the names of objects."),
    FIELD(struct kustomization_spec, name_suffix, "nameSuffix", FIELD_STR, .min_length = 1,
          .max_length = 200, .doc = "Put behind the names of objects."),
    FIELD(struct kustomization_spec, patches, "patches", FIELD_LIST, .schema = &patch_schema,
          .raw = true, .doc = "Patches, after those of the kustomization file."),
    FIELD(struct kustomization_spec, images, "images", FIELD_LIST, .schema = &image_schema,
          .raw = true, .doc = "New names, tags and digests of container images."),
    FIELD(struct kustomization_spec, components, "components", FIELD_STR_LIST, .raw = true,
          .doc = "Kustomize components, as paths relative to path."),
    FIELD(struct kustomization_spec, ignore_missing_components, "ignoreMissingComponents",
          FIELD_BOOL, .doc = "Leaves out components whose folder does not exist."),
    FIELD(struct kustomization_spec, build_metadata, "buildMetadata", FIELD_STR_LIST, .raw = true,
          .choices = SCHEMA_CHOICES("originAnnotations", "transformerAnnotations"),
          .doc = "Annotations that say where an object comes from."),
    FIELD(struct kustomization_spec, common_metadata, "commonMetadata", FIELD_OBJECT,
          .schema = &metadata_schema, .doc = "Labels and annotations of every object."),
    FIELD(struct kustomization_spec, post_build, "postBuild", FIELD_OBJECT,
          .schema = &post_build_schema, .doc = "Variables that are replaced in the built objects."),
    FIELD(struct kustomization_spec, decryption, "decryption", FIELD_OBJECT,
          .schema = &decryption_schema, .doc = "How encrypted files are decrypted."),
    FIELD(struct kustomization_spec, service_account_name, "serviceAccountName", FIELD_STR,
          .doc = "The ServiceAccount of the same namespace whose rights are used to apply."),
    FIELD(struct kustomization_spec, kube_config, "kubeConfig", FIELD_OBJECT,
          .schema = &kube_config_schema, .doc = "Another cluster to apply to."),
};
static const struct schema spec_schema = SCHEMA(struct kustomization_spec, spec_fields);

/* ---- The status ---- */

static const struct field entry_fields[] = {
    FIELD_SHOWN("id", FIELD_STR, .required = true, .doc = "<namespace>_<name>_<group>_<kind>"),
    FIELD_SHOWN("v", FIELD_STR, .required = true, .doc = "API version."),
};
static const struct schema entry_schema = SCHEMA_SHOWN(entry_fields);

static const struct field inventory_fields[] = {
    FIELD_SHOWN("entries", FIELD_LIST, .required = true, .schema = &entry_schema,
                .doc = "One for each object."),
};
static const struct schema inventory_schema = SCHEMA_SHOWN(inventory_fields);

static const struct field history_fields[] = {
    FIELD_SHOWN("digest", FIELD_STR, .required = true, .doc = "Digest of what was built."),
    FIELD_SHOWN("firstReconciled", FIELD_TIME, .required = true,
                .doc = "When it was first applied."),
    FIELD_SHOWN("lastReconciled", FIELD_TIME, .required = true, .doc = "When it was last applied."),
    FIELD_SHOWN("lastReconciledDuration", FIELD_STR, .required = true,
                .doc = "How long that took."),
    FIELD_SHOWN("lastReconciledStatus", FIELD_STR, .required = true, .doc = "How it ended."),
    FIELD_SHOWN("totalReconciliations", FIELD_INT, .required = true,
                .doc = "How many times it was applied."),
    FIELD_SHOWN("metadata", FIELD_STR_MAP, .doc = "Revision and origin revision."),
};
static const struct schema history_schema = SCHEMA_SHOWN(history_fields);

static const struct field status_fields[] = {
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last applied."),
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready, Reconciling, Stalled, Healthy."),
    FIELD_SHOWN("lastAppliedRevision", FIELD_STR,
                .doc = "The revision of the source that was last applied with success."),
    FIELD_SHOWN("lastAppliedOriginRevision", FIELD_STR,
                .doc = "The revision that its artifact was made from."),
    FIELD_SHOWN("lastAttemptedRevision", FIELD_STR, .doc = "The revision that was last tried."),
    FIELD_SHOWN("inventory", FIELD_OBJECT, .schema = &inventory_schema,
                .doc = "Every object that the Kustomization has made."),
    FIELD_SHOWN("lastAppliedArtifact", FIELD_OBJECT, .schema = &kind_artifact,
                .doc = "The artifact that was last applied with success. Its drift is healed also "
                       "while a newer one is refused."),
    FIELD_SHOWN("observedState", FIELD_STR,
                .doc = "Digest of the objects as they were left; it proves after a restart that "
                       "nothing has changed."),
    FIELD_SHOWN("history", FIELD_LIST, .schema = &history_schema,
                .doc = "The last builds, newest first."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
static const struct schema status_schema = SCHEMA_SHOWN(status_fields);

err *kustomization_spec_decode(arena *a, const node *object, struct kustomization_spec *out)
{
    return schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out);
}

KIND(kustomization) = {
    .group = "kustomize.toolkit.fluxcd.io",
    .version = "v1",
    .kind = "Kustomization",
    .plural = "kustomizations",
    .short_names = {"ks"},
    .categories = {"all", "fluxcd", "fluxcd-appliers"},
    .doc = "A folder of a source that is built and kept applied to a cluster.",
    .spec = &spec_schema,
    .status = &status_schema,
    .status_default = "{\"observedGeneration\":-1}",
    .columns = {KIND_AGE, KIND_READY, KIND_STATUS},
    .words = {"kustomization", "ks", "kustomizations"},
    .human = "kustomization",
    .get = {{"Revision", NULL, "status.lastAppliedRevision"}},
    .done = "applied revision {status.lastAppliedRevision}",
    .rank = 40,
};
