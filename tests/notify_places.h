#pragma once
/*
 * What tests of providers have in common: a place for each type, notices to
 * send, and what the services answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "doc/json.h"
#include "notify/notify.h"
#include "notify/rule.h"

#define FOLDER  "tests/golden/notify"
#define SHA     "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d"
#define SECONDS 1767323045 /* 2026-01-02T03:04:05Z */

static UNUSED int64_t now(void)
{
    return SECONDS * CLOCK_SECOND;
}

static UNUSED const struct clock_source frozen = {.now_ns = now, .wall_ns = now};

static UNUSED str read_file(arena *a, const char *name)
{
    str text;
    must(!fs_read(a, str_printf(a, FOLDER "/%s", name), 1 << 20, &text));
    return text;
}

/* ---- what is told ---- */

static UNUSED struct notice base_notice(arena *a)
{
    node *metadata = node_map(a);
    node_set_str(a, metadata, STR("kustomize.toolkit.fluxcd.io/revision"), STR("main@sha1:" SHA));
    node_set_str(a, metadata, STR("event.toolkit.fluxcd.io/change_request"), STR("42"));
    return (struct notice){
        .about = {{STR("kustomize.toolkit.fluxcd.io"), STR("v1"), STR("Kustomization")},
                  STR("flux-system"),
                  STR("apps")},
        .uid = STR("9b9f2c9e-0000-4000-8000-000000000001"),
        .resource_version = STR("1234"),
        .wall_ns = SECONDS * CLOCK_SECOND,
        .metadata = metadata,
        .controller = STR("kustomize-controller"),
        .instance = STR("fixpoint-0"),
    };
}

static UNUSED struct notice make_notice(arena *a, const char *which)
{
    struct notice notice = base_notice(a);
    node *metadata = (node *)notice.metadata;
    if (!strcmp(which, "info")) {
        notice.reason = STR("ReconciliationSucceeded");
        notice.message = STR("Deployment/web/app configured\nService/web/app created");
    } else if (!strcmp(which, "error")) {
        notice.severity = NOTICE_ERROR;
        notice.reason = STR("HealthCheckFailed");
        notice.message = STR("health check failed after 1m0s: [Deployment/web/app status: "
                             "'Failed' <1 of 2>] @everyone <!channel> & more");
    } else if (!strcmp(which, "drift")) {
        notice.severity = NOTICE_ERROR;
        notice.reason = STR("Drifted");
        notice.message = STR("Deployment/web/app: spec.replicas was 5, Git says 2; changed by "
                             "'kubectl' (Update, 2026-01-02T03:04:04Z)");
        node_set_str(a, metadata, STR("kustomize.toolkit.fluxcd.io/drift"),
                     STR("spec.replicas: 5 -> 2"));
        node_set_str(a, metadata, STR("kustomize.toolkit.fluxcd.io/drift_manager"), STR("kubectl"));
    } else {
        notice.recovered = true;
        notice.reason = STR("ReconciliationSucceeded");
        notice.message = STR("Ready again after 14 min. Reconciliation finished in 1.2s, next run "
                             "in 10m0s");
        node_set_str(a, metadata, STR("kustomize.toolkit.fluxcd.io/recovered_after"),
                     STR("14 min"));
    }
    return notice;
}

/* The Alert adds what it adds. */
static UNUSED struct notice dressed(arena *a, const char *which)
{
    struct notice notice = make_notice(a, which);
    node *more = node_map(a);
    node_set_str(a, more, STR("summary"), STR("prod-1"));
    struct rule *rule = rule_new(&(struct rule_spec){.event_metadata = more});
    bool conflict;
    const node *merged = rule_metadata(a, rule, &notice, &conflict);
    notice.metadata = doc_copy(a, merged);
    rule_unref(rule);
    return notice;
}

/* ---- where it goes ---- */

static const struct place {
    const char *type, *address, *channel, *token, *user, *password;
} places[] = {
    {"alertmanager", "https://alerts.example.com/api/v2/alerts/", NULL, "t0ken", NULL, NULL},
    {"azuredevops", "https://dev.azure.com/org/project/_git/fleet", NULL, "t0ken", NULL, NULL},
    {"azureeventhub",
     "Endpoint=sb://hub.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a2V5;"
     "EntityPath=events",
     NULL, NULL, NULL, NULL},
    {"bitbucket", "https://bitbucket.org/org/fleet", NULL, "me:app-password", NULL, NULL},
    {"bitbucketserver", "https://git.example.com/context/scm/prj/fleet.git", NULL, "t0ken", NULL,
     NULL},
    {"datadog", "https://api.datadoghq.com", NULL, "t0ken", NULL, NULL},
    {"discord", "https://discord.com/api/webhooks/1/abc", NULL, NULL, "fixpoint", NULL},
    {"generic", "https://hooks.example.com/flux", NULL, NULL, NULL, NULL},
    {"generic-hmac", "https://hooks.example.com/flux", NULL, "t0ken", NULL, NULL},
    {"gitea", "https://git.example.com/org/fleet", NULL, "t0ken", NULL, NULL},
    {"giteapullrequestcomment", "https://git.example.com/org/fleet", NULL, "t0ken", NULL, NULL},
    {"github", "ssh://git@github.com/org/fleet.git", NULL, "t0ken", NULL, NULL},
    {"githubdispatch", "https://github.com/org/fleet", NULL, "t0ken", NULL, NULL},
    {"githubpullrequestcomment", "https://git.example.com/org/fleet", NULL, "t0ken", NULL, NULL},
    {"gitlab", "https://gitlab.com/group/sub/fleet.git", NULL, "t0ken", NULL, NULL},
    {"gitlabmergerequestcomment", "https://gitlab.com/group/sub/fleet", NULL, "t0ken", NULL, NULL},
    {"googlechat", "https://chat.googleapis.com/v1/spaces/x/messages?key=k", NULL, NULL, NULL,
     NULL},
    {"googlepubsub", "my-project", "events", "@", NULL, NULL},
    {"grafana", "https://grafana.example.com/api/annotations", NULL, NULL, "admin", "pass-word"},
    {"lark", "https://open.larksuite.com/open-apis/bot/v2/hook/x", NULL, NULL, NULL, NULL},
    {"matrix", "https://matrix.org", "!room:matrix.org", "t0ken", NULL, NULL},
    {"msteams", "https://prod.logic.azure.com/workflows/x", NULL, NULL, NULL, NULL},
    {"nats", "nats://nats.example.com", "flux.events", NULL, "me", "pass-word"},
    {"opsgenie", "https://api.opsgenie.com/v2/alerts", NULL, "t0ken", NULL, NULL},
    {"otel", "https://otel.example.com/v1/traces", NULL, "t0ken", NULL, NULL},
    {"pagerduty", "https://events.pagerduty.com", "r0uting", NULL, NULL, NULL},
    {"rocket", "https://chat.example.com/hooks/x", "ops", NULL, "fixpoint", NULL},
    {"sentry", "https://key@sentry.example.com/7", "production", NULL, NULL, NULL},
    {"slack", "https://slack.com/api/chat.postMessage", "ops", "t0ken", NULL, NULL},
    {"telegram", "https://ignored.example.com", "-100:7", "1:abc", NULL, NULL},
    {"webex", "https://webexapis.com/v1/messages", "room", "t0ken", NULL, NULL},
    {"zulip", "https://org.zulipchat.com/api/v1/messages", "ops/flux", NULL, "bot@example.com",
     "key"},
};

static UNUSED const struct place *place_of(const char *type)
{
    for (size_t i = 0; i < COUNT(places); i++)
        if (!strcmp(places[i].type, type)) return &places[i];
    return NULL;
}

static UNUSED str service_account(arena *a)
{
    str key = read_file(a, "key.pem");
    node *json = notify_map(a, "type", node_str(a, STR("service_account")), "client_email",
                            node_str(a, STR("fixpoint@my-project.iam.gserviceaccount.com")),
                            "private_key", node_str(a, key), NULL);
    return json_text(a, json);
}

static UNUSED struct target target_of(arena *a, const char *type)
{
    const struct place *place = place_of(type);
    if (!place) fail_msg("there is no place for a %s", type);
    str token = place->token && *place->token == '@' ? service_account(a) : str_of(place->token);
    return (struct target){
        .type = str_of(type),
        .address = str_of(place->address),
        .channel = str_of(place->channel),
        .user = str_of(place->user),
        .password = str_of(place->password),
        .token = token,
        .provider_namespace = STR("flux-system"),
        .provider_name = STR("provider"),
        .provider_uid = STR("0c9c2e41-d2f9-4f9b-9c3b-3b1a2f6a8d3e"),
        .alert_namespace = STR("flux-system"),
        .alert_name = STR("alert"),
        .alert_uid = STR("7d0cdc51-ddcf-4743-b223-83ca5c699632"),
    };
}

/* What a service answers to requests whose first line begins so. */
struct line {
    const char *request;
    int status;
    const char *body;
};

static UNUSED const struct line plain_lines[] = {
    {"GET https://api.bitbucket.org/", 404, ""},
    {"GET https://git.example.com/context/", 404, ""},
    {"GET https://dev.azure.com/", 200, "{\"value\":[]}"},
    {"GET https://gitlab.com/api/v4/user", 200, "{\"username\":\"me\"}"},
    {"GET https://git.example.com/api/v1/user", 200, "{\"login\":\"me\"}"},
    {"GET https://git.example.com/api/v3/user", 200, "{\"login\":\"me\"}"},
    {"POST https://slack.com/api", 200, "{\"ok\":true}"},
    {"POST https://oauth2.googleapis.com/token", 200, "{\"access_token\":\"short-lived\"}"},
};
