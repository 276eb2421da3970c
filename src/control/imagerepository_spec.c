#include "control/imagerepository_spec.h"

#include "base/clock.h"

static const struct field name_fields[] = {
    FIELD(struct imagerepository_name, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the object, in the same namespace."),
};
static const struct schema name_schema = SCHEMA(struct imagerepository_name, name_fields);

static const struct field selector_fields[] = {
    FIELD(struct imagerepository_selector, match_labels, "matchLabels", FIELD_STR_MAP,
          .doc = "Labels of the namespaces; every namespace when not given."),
};
static const struct schema selector_schema =
    SCHEMA(struct imagerepository_selector, selector_fields);

static const struct field access_fields[] = {
    FIELD(struct imagerepository_access, selectors, "namespaceSelectors", FIELD_LIST,
          .schema = &selector_schema, .required = true,
          .doc = "Namespaces whose ImagePolicies may refer to this object; any of these fits."),
};
static const struct schema access_schema = SCHEMA(struct imagerepository_access, access_fields);

static const struct field spec_fields[] = {
    FIELD(struct imagerepository_spec, image, "image", FIELD_STR, .required = true,
          .doc = "Name of the image, without a scheme and without a tag: ghcr.io/org/app."),
    FIELD(struct imagerepository_spec, interval_ns, "interval", FIELD_DURATION, .required = true,
          .doc = "How often the registry is asked for tags."),
    FIELD(struct imagerepository_spec, timeout_ns, "timeout", FIELD_DURATION,
          .doc = "How long a scan may take; the interval when not given, at least 1s."),
    FIELD(struct imagerepository_spec, secret_ref, "secretRef", FIELD_OBJECT,
          .schema = &name_schema, .doc = "The Secret with credentials, as docker writes them."),
    FIELD(struct imagerepository_spec, proxy_secret_ref, "proxySecretRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The Secret with the proxy's address, and its username and password."),
    FIELD(struct imagerepository_spec, service_account_name, "serviceAccountName", FIELD_STR,
          .max_length = 253, .doc = "The ServiceAccount whose imagePullSecrets are used as well."),
    FIELD(struct imagerepository_spec, cert_secret_ref, "certSecretRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The Secret with ca.crt, which is added to the system's certificates, and with "
                 "tls.crt and tls.key, the client's."),
    FIELD(struct imagerepository_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Stops scanning; what is known stays."),
    FIELD(struct imagerepository_spec, access_from, "accessFrom", FIELD_OBJECT,
          .schema = &access_schema,
          .doc = "Who may refer to this object from other namespaces; nobody when not given."),
    FIELD(struct imagerepository_spec, exclusion_list, "exclusionList", FIELD_STR_LIST,
          .doc = "Regular expressions; a tag that one of them matches is passed over. "
                 "^.*\\.sig$ when not given. At most 25."),
    FIELD(struct imagerepository_spec, provider, "provider", FIELD_STR, .fallback = "generic",
          .choices = SCHEMA_CHOICES("generic", "aws", "azure", "gcp"),
          .doc = "Who issues the credentials; generic, from secretRef, when not given."),
    FIELD(struct imagerepository_spec, insecure, "insecure", FIELD_BOOL,
          .doc = "Allows a registry that speaks HTTP without TLS."),
};
static const struct schema spec_schema = SCHEMA(struct imagerepository_spec, spec_fields);

static const struct field scan_fields[] = {
    FIELD_SHOWN("revision", FIELD_STR, .doc = "Digest of the tags that were found."),
    FIELD_SHOWN("tagCount", FIELD_INT, .required = true,
                .doc = "How many tags were found, without the excluded ones."),
    FIELD_SHOWN("scanTime", FIELD_TIME, .doc = "When the scan was."),
    FIELD_SHOWN("latestTags", FIELD_STR_LIST, .doc = "The ten last tags in the order of bytes."),
};
static const struct schema scan_schema = SCHEMA_SHOWN(scan_fields);

static const struct field status_fields[] = {
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready, Reconciling, Stalled."),
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last handled."),
    FIELD_SHOWN("canonicalImageName", FIELD_STR,
                .doc = "The image with its registry: index.docker.io/library/alpine."),
    FIELD_SHOWN("lastScanResult", FIELD_OBJECT, .schema = &scan_schema,
                .doc = "What the last scan has found."),
    FIELD_SHOWN("observedExclusionList", FIELD_STR_LIST,
                .doc = "spec.exclusionList as the last scan used it."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
static const struct schema status_schema = SCHEMA_SHOWN(status_fields);

err *imagerepository_spec_decode(arena *a, const node *object, struct imagerepository_spec *out)
{
    static str signatures[] = {STR("^.*\\.sig$")};
    TRY(schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out));
    /* compat: an empty list is as good as none. */
    if (!out->exclusion_list.count) {
        out->exclusion_list = (struct schema_strings){signatures, COUNT(signatures)};
    }
    return NULL;
}

int64_t imagerepository_spec_timeout_ns(const struct imagerepository_spec *spec)
{
    return MAX(spec->timeout_ns ? spec->timeout_ns : spec->interval_ns, CLOCK_SECOND);
}

KIND(imagerepository) = {
    .group = "image.toolkit.fluxcd.io",
    .version = "v1",
    .kind = "ImageRepository",
    .plural = "imagerepositories",
    .short_names = {"imgrepo", "imagerepo"},
    .categories = {"all", "fluxcd", "fluxcd-images"},
    .doc = "An image in a registry whose tags are followed.",
    .spec = &spec_schema,
    .status = &status_schema,
    .status_default = "{\"observedGeneration\":-1}",
    .columns = {{"Image", "string", ".spec.image"},
                {"Tags", "string", ".status.lastScanResult.tagCount"},
                KIND_READY,
                KIND_STATUS,
                {"Last scan", "string", ".status.lastScanResult.scanTime", .priority = 1},
                KIND_AGE},
    .family = "image",
    .words = {"repository", "imagerepository", "imagerepo", "imgrepo"},
    .human = "image repository",
    .get = {{"Last scan", NULL, "status.lastScanResult.scanTime"}},
    .done = "scan fetched {status.lastScanResult.tagCount} tags",
    .rank = 30,
};
