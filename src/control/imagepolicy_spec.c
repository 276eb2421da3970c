#include "control/imagepolicy_spec.h"

static const struct field repository_fields[] = {
    FIELD(struct imagepolicy_repository, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the ImageRepository."),
    FIELD(struct imagepolicy_repository, namespace, "namespace", FIELD_STR,
          .doc = "Its namespace; our own when not given. Another one's has to allow it with "
                 "accessFrom."),
};
static const struct schema repository_schema =
    SCHEMA(struct imagepolicy_repository, repository_fields);

static const struct field semver_fields[] = {
    FIELD_SHOWN("range", FIELD_STR, .required = true,
                .doc = "The versions that are allowed, such as >=1.2.0 <2.0.0 or ~1.4; add -0 to "
                       "a bound to allow prereleases."),
};
static const struct schema semver_schema = SCHEMA_SHOWN(semver_fields);

static const char *const orders[] = {"asc", "desc", NULL};
static const struct field text_fields[] = {
    FIELD_SHOWN("order", FIELD_STR, .fallback = "asc", .choices = orders,
                .doc = "asc: the last in the order of bytes; desc: the first."),
};
static const struct schema text_schema = SCHEMA_SHOWN(text_fields);

static const struct field number_fields[] = {
    FIELD_SHOWN("order", FIELD_STR, .fallback = "asc", .choices = orders,
                .doc = "asc: the largest number; desc: the smallest."),
};
static const struct schema number_schema = SCHEMA_SHOWN(number_fields);

static const struct field choice_fields[] = {
    FIELD(struct imagepolicy_choice, semver, "semver", FIELD_OBJECT, .schema = &semver_schema,
          .raw = true, .doc = "The highest version within a range."),
    FIELD(struct imagepolicy_choice, alphabetical, "alphabetical", FIELD_OBJECT,
          .schema = &text_schema, .raw = true, .doc = "The last or first text."),
    FIELD(struct imagepolicy_choice, numerical, "numerical", FIELD_OBJECT, .schema = &number_schema,
          .raw = true, .doc = "The largest or smallest number."),
};
static const struct schema choice_schema = SCHEMA(struct imagepolicy_choice, choice_fields);

static const struct field filter_fields[] = {
    FIELD(struct imagepolicy_filter, pattern, "pattern", FIELD_STR,
          .doc = "A regular expression; tags that it does not match are passed over."),
    FIELD(struct imagepolicy_filter, extract, "extract", FIELD_STR,
          .doc = "What the policy compares instead of the tag, made of the pattern's groups: "
                 "$ts."),
};
static const struct schema filter_schema = SCHEMA(struct imagepolicy_filter, filter_fields);

static const struct field spec_fields[] = {
    FIELD(struct imagepolicy_spec, repository, "imageRepositoryRef", FIELD_OBJECT,
          .schema = &repository_schema, .required = true,
          .doc = "The ImageRepository whose tags are chosen from."),
    FIELD(struct imagepolicy_spec, policy, "policy", FIELD_OBJECT, .schema = &choice_schema,
          .required = true, .doc = "How tags are ranked; one of these."),
    FIELD(struct imagepolicy_spec, filter, "filterTags", FIELD_OBJECT, .schema = &filter_schema,
          .doc = "Which tags are looked at, and which part of them."),
    FIELD(struct imagepolicy_spec, reflection, "digestReflectionPolicy", FIELD_ENUM,
          .fallback = "Never", .choices = SCHEMA_CHOICES("Never", "IfNotPresent", "Always"),
          .doc = "Whether the digest of the tag is resolved: once for each tag, or again at each "
                 "interval."),
    FIELD(struct imagepolicy_spec, interval_ns, "interval", FIELD_DURATION,
          .doc = "How often the digest is resolved with digestReflectionPolicy Always."),
    FIELD(struct imagepolicy_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Stops choosing; the last choice stays."),
};
static const struct schema_rule spec_rules[] = {
    {"!has(self.interval) || (has(self.digestReflectionPolicy) && "
     "self.digestReflectionPolicy == 'Always')",
     "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'"},
    {"has(self.interval) || !has(self.digestReflectionPolicy) || "
     "self.digestReflectionPolicy != 'Always'",
     "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"},
};
static const struct schema spec_schema =
    SCHEMA(struct imagepolicy_spec, spec_fields, SCHEMA_RULES(spec_rules));

static const struct field ref_fields[] = {
    FIELD_SHOWN("name", FIELD_STR, .required = true, .doc = "The image."),
    FIELD_SHOWN("tag", FIELD_STR, .required = true, .doc = "Its tag."),
    FIELD_SHOWN("digest", FIELD_STR, .doc = "What the tag stood for when it was resolved."),
};
static const struct schema ref_schema = SCHEMA_SHOWN(ref_fields);

static const struct field status_fields[] = {
    FIELD_SHOWN("latestRef", FIELD_OBJECT, .schema = &ref_schema, .doc = "The image chosen."),
    FIELD_SHOWN("observedPreviousRef", FIELD_OBJECT, .schema = &ref_schema,
                .doc = "The image chosen before."),
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last handled."),
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready, Reconciling, Stalled."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
static const struct schema status_schema = SCHEMA_SHOWN(status_fields);

err *imagepolicy_spec_decode(arena *a, const node *object, struct imagepolicy_spec *out)
{
    return schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out);
}

err *imagepolicy_spec_policy(const struct imagepolicy_spec *spec, struct policy *out)
{
    const struct imagepolicy_choice *given = &spec->policy;
    struct policy policy = {.pattern = spec->filter.pattern, .extract = spec->filter.extract};
    const node *ordered = given->alphabetical ?: given->numerical;
    if (given->semver) {
        policy.rank = POLICY_SEMVER;
        policy.range = node_get_str(given->semver, STR("range"));
    } else if (ordered) {
        policy.rank = given->alphabetical ? POLICY_ALPHABETICAL : POLICY_NUMERICAL;
        policy.lowest = str_is(node_get_str(ordered, STR("order")), "desc");
    } else {
        return err_new(ERR_INVALID, "InvalidPolicy",
                       "invalid policy: spec.policy needs one of semver, alphabetical and "
                       "numerical");
    }
    *out = policy;
    return NULL;
}

KIND(imagepolicy) = {
    .group = "image.toolkit.fluxcd.io",
    .version = "v1",
    .kind = "ImagePolicy",
    .plural = "imagepolicies",
    .short_names = {"imgpol", "imagepol"},
    .categories = {"all", "fluxcd", "fluxcd-images"},
    .doc = "Which of an image's tags is to run.",
    .spec = &spec_schema,
    .status = &status_schema,
    .status_default = "{\"observedGeneration\":-1}",
    .columns = {{"Image", "string", ".status.latestRef.name"},
                {"Tag", "string", ".status.latestRef.tag"},
                KIND_READY,
                KIND_STATUS,
                KIND_AGE},
    .family = "image",
    .words = {"policy", "imagepolicy", "imgpol", "imagepol"},
    .human = "image policy",
    .get = {{"Image", NULL, "status.latestRef.name"}, {"Tag", NULL, "status.latestRef.tag"}},
    .done = "selected ref {status.latestRef.name}:{status.latestRef.tag}{@status.latestRef.digest}",
    .hides_suspend = true,
    .rank = 31,
};
