#include "control/provider_spec.h"

#include "control/delivered.h"

#define GO_DURATION "^([0-9]+(\\.[0-9]+)?(ms|s|m))+$"

static const struct field name_fields[] = {
    FIELD(struct provider_name, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the object, in the same namespace."),
};
static const struct schema name_schema = SCHEMA(struct provider_name, name_fields);

static const struct field spec_fields[] = {
    FIELD(struct provider_spec, type, "type", FIELD_STR, .required = true,
          .choices = SCHEMA_CHOICES(
              "slack", "discord", "msteams", "rocket", "generic", "generic-hmac", "github",
              "gitlab", "gitea", "giteapullrequestcomment", "bitbucketserver", "bitbucket",
              "azuredevops", "googlechat", "googlepubsub", "webex", "sentry", "azureeventhub",
              "telegram", "lark", "matrix", "opsgenie", "alertmanager", "grafana", "githubdispatch",
              "githubpullrequestcomment", "gitlabmergerequestcomment", "pagerduty", "datadog",
              "nats", "zulip", "otel"),
          .doc = "What kind of service it is."),
    FIELD(struct provider_spec, interval_ns, "interval", FIELD_DURATION, .pattern = GO_DURATION,
          .doc = "Not used; kept so that older objects stay valid."),
    FIELD(struct provider_spec, channel, "channel", FIELD_STR, .min_length = 1, .max_length = 2048,
          .doc = "Where at the service: a channel, room, topic, routing key."),
    FIELD(struct provider_spec, username, "username", FIELD_STR, .min_length = 1,
          .max_length = 2048,
          .doc = "Name to post as; the key username of the Secret goes before it."),
    FIELD(struct provider_spec, address, "address", FIELD_STR, .min_length = 1, .max_length = 2048,
          .doc = "URL of the service or of the repository; the key address of the Secret goes "
                 "before it."),
    FIELD(struct provider_spec, timeout_ns, "timeout", FIELD_DURATION, .pattern = GO_DURATION,
          .doc = "How long one delivery may take; 15s when not given."),
    FIELD(struct provider_spec, proxy, "proxy", FIELD_STR, .min_length = 1, .max_length = 2048,
          .pattern = "^(http|https)://.*$",
          .doc = "URL of a proxy; proxySecretRef goes before it."),
    FIELD(struct provider_spec, proxy_secret_ref, "proxySecretRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The Secret with the proxy's address, and its username and password."),
    FIELD(struct provider_spec, secret_ref, "secretRef", FIELD_OBJECT, .schema = &name_schema,
          .doc = "The Secret with credentials: address, token, username, password, headers, "
                 "proxy."),
    FIELD(struct provider_spec, cert_secret_ref, "certSecretRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The Secret with ca.crt, which replaces the system's certificates, and tls.crt "
                 "and tls.key, which we show."),
    FIELD(struct provider_spec, service_account_name, "serviceAccountName", FIELD_STR,
          .min_length = 1, .doc = "The ServiceAccount whose cloud identity is used."),
    FIELD(struct provider_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Drops events instead of sending them."),
    FIELD(struct provider_spec, commit_status_expr, "commitStatusExpr", FIELD_STR,
          .doc = "CEL expression that gives the name of a commit status; it sees event, provider "
                 "and alert."),
};

static const struct schema_rule spec_rules[] = {
    {"self.type == 'github' || self.type == 'gitlab' || self.type == 'gitea' || "
     "self.type == 'bitbucketserver' || self.type == 'bitbucket' || self.type == 'azuredevops' || "
     "!has(self.commitStatusExpr)",
     "spec.commitStatusExpr is only supported for the 'github', 'gitlab', 'gitea', "
     "'bitbucketserver', 'bitbucket', 'azuredevops' provider types"},
};
static const struct schema spec_schema =
    SCHEMA(struct provider_spec, spec_fields, SCHEMA_RULES(spec_rules));

err *provider_spec_decode(arena *a, const node *object, struct provider_spec *out)
{
    return schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out);
}

struct target_spec provider_spec_target(arena *a, const node *object,
                                        const struct provider_spec *spec)
{
    const node *metadata = node_get(object, STR("metadata"));
    return (struct target_spec){
        .namespace = node_get_str(metadata, STR("namespace")),
        .name = node_get_str(metadata, STR("name")),
        .uid = node_get_str(metadata, STR("uid")),
        .type = spec->type,
        .channel = spec->channel,
        .user = spec->username,
        .address = spec->address,
        .proxy = spec->proxy,
        .secret = spec->secret_ref.name,
        .cert_secret = spec->cert_secret_ref.name,
        .proxy_secret = spec->proxy_secret_ref.name,
        .service_account = spec->service_account_name,
        .commit_status_expr = spec->commit_status_expr,
        .timeout_ns = spec->timeout_ns,
        .suspended = spec->suspend,
        .object = spec->commit_status_expr.len ? kind_plain(a, object) : NULL,
    };
}

KIND(provider) = {
    .group = "notification.toolkit.fluxcd.io",
    .version = "v1beta3",
    .kind = "Provider",
    .plural = "providers",
    .categories = {"all", "fluxcd", "fluxcd-notifications"},
    .doc = "A service that is told what happens.",
    .spec = &spec_schema,
    .status = &delivered_status,
    .columns = {{"Type", "string", ".spec.type"},
                KIND_AGE,
                KIND_READY,
                {"Delivered", "string", ".status.conditions[?(@.type==\"Delivered\")].status"},
                {"Last delivery", "date", ".status.lastDeliveryAt"}},
    .words = {"alert-provider", "alert-providers", "provider", "providers"},
    .human = "alert-provider",
    .get = {{"Type", NULL, "spec.type"}, {"Last delivery", NULL, "status.lastDeliveryAt"}},
    .done = "ready to tell a service of type {spec.type}",
    .rank = 51,
};
