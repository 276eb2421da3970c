#include "control/receiver_spec.h"

static const struct field secret_fields[] = {
    FIELD(struct receiver_name, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the Secret, in the same namespace."),
};
static const struct schema secret_schema = SCHEMA(struct receiver_name, secret_fields);

static const struct field resource_fields[] = {
    FIELD(struct receiver_resource, api_version, "apiVersion", FIELD_STR,
          .doc = "Group and version; needed for kinds that are neither sources nor "
                 "ImageRepositories."),
    FIELD(struct receiver_resource, kind, "kind", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES("Bucket", "GitRepository", "Kustomization", "HelmRelease",
                                    "HelmChart", "HelmRepository", "ImageRepository", "ImagePolicy",
                                    "ImageUpdateAutomation", "OCIRepository", "ArtifactGenerator",
                                    "ExternalArtifact"),
          .doc = "Kind of the objects."),
    FIELD(struct receiver_resource, name, "name", FIELD_STR, .required = true, .min_length = 1,
          .max_length = 253, .doc = "Name of the object; * stands for those with matchLabels."),
    FIELD(struct receiver_resource, namespace, "namespace", FIELD_STR, .min_length = 1,
          .max_length = 253, .doc = "Namespace of the objects; the Receiver's own when not given."),
    FIELD(struct receiver_resource, match_labels, "matchLabels", FIELD_STR_MAP,
          .doc = "Labels of the objects; only with the name *."),
    FIELD(struct receiver_resource, filter, "filter", FIELD_STR,
          .doc = "A CEL expression over res, req and claims that has to hold for the object, "
                 "besides resourceFilter."),
};
static const struct schema resource_schema = SCHEMA(struct receiver_resource, resource_fields);

static const struct field variable_fields[] = {
    FIELD(struct receiver_variable, name, "name", FIELD_STR, .required = true, .min_length = 1,
          .doc = "Its name: vars.NAME in later expressions."),
    FIELD(struct receiver_variable, expression, "expression", FIELD_STR, .required = true,
          .min_length = 1, .doc = "A CEL expression over claims and vars."),
};
static const struct schema variable_schema = SCHEMA(struct receiver_variable, variable_fields);

static const struct field validation_fields[] = {
    FIELD(struct receiver_validation, expression, "expression", FIELD_STR, .required = true,
          .min_length = 1, .doc = "A CEL expression over claims and vars that has to be true."),
    FIELD(struct receiver_validation, message, "message", FIELD_STR, .required = true,
          .min_length = 1, .doc = "What is logged when it is not."),
};
static const struct schema validation_schema =
    SCHEMA(struct receiver_validation, validation_fields);

static const struct field issuer_fields[] = {
    FIELD(struct receiver_issuer, issuer_url, "issuerURL", FIELD_STR, .required = true,
          .pattern = "^https?://", .doc = "The iss of its tokens; the keys are found from there."),
    FIELD(struct receiver_issuer, audience, "audience", FIELD_STR,
          .fallback = "notification-controller", .doc = "One of the aud of a token."),
    FIELD(struct receiver_issuer, variables, "variables", FIELD_LIST, .schema = &variable_schema,
          .doc = "Values for the validations, computed in their order."),
    FIELD(struct receiver_issuer, validations, "validations", FIELD_LIST, .required = true,
          .schema = &validation_schema, .doc = "What has to hold for a token; at least one."),
};
static const struct schema_rule issuer_rules[] = {
    {"size(self.validations) > 0", "at least one validation is required"},
};
static const struct schema issuer_schema =
    SCHEMA(struct receiver_issuer, issuer_fields, SCHEMA_RULES(issuer_rules));

static const struct field spec_fields[] = {
    FIELD(struct receiver_spec, type, "type", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES("generic", "generic-hmac", "generic-oidc", "github", "gitlab",
                                    "bitbucket", "harbor", "dockerhub", "quay", "gcr", "nexus",
                                    "acr", "cdevents"),
          .doc = "Who calls, and so how a call is verified."),
    FIELD(struct receiver_spec, interval_ns, "interval", FIELD_DURATION, .fallback = "10m",
          .pattern = "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$",
          .doc = "How often the Secret is looked at again."),
    FIELD(struct receiver_spec, events, "events", FIELD_STR_LIST,
          .doc = "Events that are taken in, in any case; all of them when not given. For github, "
                 "gitlab, bitbucket and cdevents."),
    FIELD(struct receiver_spec, resources, "resources", FIELD_LIST, .required = true,
          .schema = &resource_schema, .doc = "Objects that are reconciled at a call."),
    FIELD(struct receiver_spec, resource_filter, "resourceFilter", FIELD_STR,
          .doc = "A CEL expression over res (apiVersion, kind and metadata of an object), req (the "
                 "body, if it is JSON) and claims (of a token) that has to hold for an object."),
    FIELD(struct receiver_spec, secret_ref, "secretRef", FIELD_OBJECT, .schema = &secret_schema,
          .doc = "The Secret with the token, and for gcr with email and audience."),
    FIELD(struct receiver_spec, issuers, "oidcProviders", FIELD_LIST, .schema = &issuer_schema,
          .doc = "Who issues the tokens of generic-oidc."),
    FIELD(struct receiver_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Answers every call with 503."),
};
static const struct schema_rule spec_rules[] = {
    {"self.type != 'generic-oidc' || (has(self.oidcProviders) && size(self.oidcProviders) > 0)",
     "generic-oidc receivers must define at least one oidcProvider"},
    {"self.type == 'generic-oidc' || !has(self.oidcProviders)",
     "oidcProviders can only be set when type is generic-oidc"},
    {"self.type != 'generic-oidc' || !has(self.secretRef)",
     "secretRef cannot be set when type is generic-oidc"},
    {"self.type == 'generic-oidc' || has(self.secretRef)",
     "secretRef is required when type is not generic-oidc"},
};
static const struct schema spec_schema =
    SCHEMA(struct receiver_spec, spec_fields, SCHEMA_RULES(spec_rules));

static const struct field status_fields[] = {
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last handled."),
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready, Reconciling, Stalled."),
    FIELD_SHOWN("webhookPath", FIELD_STR,
                .doc = "Path of the URL to call: /hook/ and the SHA-256 of token, name and "
                       "namespace."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
static const struct schema status_schema = SCHEMA_SHOWN(status_fields);

err *receiver_spec_decode(arena *a, const node *object, struct receiver_spec *out)
{
    return schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out);
}

bool receiver_spec_is_oidc(const struct receiver_spec *spec)
{
    return str_is(spec->type, "generic-oidc");
}

KIND(receiver) = {
    .group = "notification.toolkit.fluxcd.io",
    .version = "v1",
    .kind = "Receiver",
    .plural = "receivers",
    .categories = {"all", "fluxcd", "fluxcd-notifications"},
    .doc = "A webhook: who calls its path has objects reconciled at once.",
    .spec = &spec_schema,
    .status = &status_schema,
    .status_default = "{\"observedGeneration\":-1}",
    .columns = {KIND_AGE, KIND_READY, KIND_STATUS},
    .words = {"receiver", "receivers"},
    .human = "receiver",
    .rank = 52,
};
