#include "control/alert_spec.h"

#include "control/delivered.h"

static const struct field provider_fields[] = {
    FIELD(struct alert_provider_ref, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the Provider, in the same namespace."),
};
static const struct schema provider_schema = SCHEMA(struct alert_provider_ref, provider_fields);

static const struct field source_fields[] = {
    FIELD(struct alert_source, api_version, "apiVersion", FIELD_STR,
          .doc = "Group and version; not looked at."),
    FIELD(struct alert_source, kind, "kind", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES("Bucket", "GitRepository", "Kustomization", "HelmRelease",
                                    "HelmChart", "HelmRepository", "ImageRepository", "ImagePolicy",
                                    "ImageUpdateAutomation", "OCIRepository", "ArtifactGenerator",
                                    "ExternalArtifact"),
          .doc = "Kind of the objects."),
    FIELD(struct alert_source, name, "name", FIELD_STR, .required = true, .min_length = 1,
          .max_length = 253, .doc = "Name of the object; * stands for every one."),
    FIELD(struct alert_source, namespace, "namespace", FIELD_STR, .min_length = 1,
          .max_length = 253, .doc = "Namespace of the objects; the Alert's own when not given."),
    FIELD(struct alert_source, match_labels, "matchLabels", FIELD_STR_MAP,
          .doc = "Labels that the object has to have, whether it is named or not."),
};
static const struct schema source_schema = SCHEMA(struct alert_source, source_fields);

static const struct field spec_fields[] = {
    FIELD(struct alert_spec, provider_ref, "providerRef", FIELD_OBJECT, .required = true,
          .schema = &provider_schema, .doc = "The Provider that is told."),
    FIELD(struct alert_spec, event_severity, "eventSeverity", FIELD_ENUM, .fallback = "info",
          .choices = SCHEMA_CHOICES("info", "error"),
          .doc = "error: failures and drift only; info: those and everything else."),
    FIELD(struct alert_spec, event_sources, "eventSources", FIELD_LIST, .required = true,
          .schema = &source_schema, .doc = "Objects whose events are passed on."),
    FIELD(struct alert_spec, inclusion_list, "inclusionList", FIELD_STR_LIST,
          .doc = "Regular expressions (Go); one of them has to match the message, when given."),
    FIELD(struct alert_spec, exclusion_list, "exclusionList", FIELD_STR_LIST,
          .doc = "Regular expressions (Go); none of them may match the message. Goes before "
                 "inclusionList."),
    FIELD(struct alert_spec, event_metadata, "eventMetadata", FIELD_STR_MAP,
          .doc = "Added to the metadata of each event; the event's own keys go before it."),
    FIELD(struct alert_spec, summary, "summary", FIELD_STR, .max_length = 255,
          .doc = "Added as the metadata summary; eventMetadata can do the same."),
    FIELD(struct alert_spec, suspend, "suspend", FIELD_BOOL, .doc = "Passes nothing on."),
};
static const struct schema spec_schema = SCHEMA(struct alert_spec, spec_fields);

err *alert_spec_decode(arena *a, const node *object, struct alert_spec *out)
{
    return schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out);
}

struct rule_spec alert_spec_rule(arena *a, const node *object, const struct alert_spec *spec)
{
    const node *metadata = node_get(object, STR("metadata"));
    struct rule_source *sources = NEW_ARRAY(a, struct rule_source, spec->event_sources.count + 1);
    for (size_t i = 0; i < spec->event_sources.count; i++) {
        const struct alert_source *source = &spec->event_sources.items[i];
        sources[i] = (struct rule_source){source->kind, source->name, source->namespace,
                                          source->match_labels};
    }
    return (struct rule_spec){
        .namespace = node_get_str(metadata, STR("namespace")),
        .name = node_get_str(metadata, STR("name")),
        .uid = node_get_str(metadata, STR("uid")),
        .provider = spec->provider_ref.name,
        .errors_only = spec->event_severity == ALERT_ERROR,
        .suspended = spec->suspend,
        .sources = sources,
        .source_count = spec->event_sources.count,
        .inclusions = spec->inclusion_list.items,
        .inclusion_count = spec->inclusion_list.count,
        .exclusions = spec->exclusion_list.items,
        .exclusion_count = spec->exclusion_list.count,
        .event_metadata = spec->event_metadata,
        .summary = spec->summary,
        .object = kind_plain(a, object),
    };
}

KIND(alert) = {
    .group = "notification.toolkit.fluxcd.io",
    .version = "v1beta3",
    .kind = "Alert",
    .plural = "alerts",
    .categories = {"all", "fluxcd", "fluxcd-notifications"},
    .doc = "Which events of which objects a Provider is told.",
    .spec = &spec_schema,
    .status = &delivered_status,
    .columns = {{"Provider", "string", ".spec.providerRef.name"},
                KIND_AGE,
                KIND_READY,
                {"Delivered", "string", ".status.conditions[?(@.type==\"Delivered\")].status"},
                {"Last delivery", "date", ".status.lastDeliveryAt"}},
    .words = {"alert", "alerts"},
    .human = "alert",
    .get = {{"Provider", NULL, "spec.providerRef.name"},
            {"Last delivery", NULL, "status.lastDeliveryAt"}},
    .done = "tells provider {spec.providerRef.name}",
    .rank = 50,
};
