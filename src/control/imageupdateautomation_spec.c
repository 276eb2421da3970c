#include "control/imageupdateautomation_spec.h"

static const struct field name_fields[] = {
    FIELD(struct gitrepository_name, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the object, in the same namespace."),
};
static const struct schema name_schema = SCHEMA(struct gitrepository_name, name_fields);

static const struct field source_fields[] = {
    FIELD(struct imageupdateautomation_source, api_version, "apiVersion", FIELD_STR,
          .doc = "Group and version of the source; not looked at."),
    FIELD(struct imageupdateautomation_source, kind, "kind", FIELD_STR, .required = true,
          .fallback = "GitRepository", .choices = SCHEMA_CHOICES("GitRepository"),
          .doc = "Kind of the source."),
    FIELD(struct imageupdateautomation_source, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the source."),
    FIELD(struct imageupdateautomation_source, namespace, "namespace", FIELD_STR,
          .doc = "Namespace of the source; our own when not given."),
};
static const struct schema source_schema =
    SCHEMA(struct imageupdateautomation_source, source_fields);

static const struct field checkout_fields[] = {
    FIELD(struct imageupdateautomation_checkout, ref, "ref", FIELD_OBJECT, .required = true,
          .schema = &gitrepository_spec_ref, .doc = "What to check out."),
};
static const struct schema checkout_schema =
    SCHEMA(struct imageupdateautomation_checkout, checkout_fields);

static const struct field author_fields[] = {
    FIELD(struct imageupdateautomation_author, name, "name", FIELD_STR,
          .doc = "Name of author and committer."),
    FIELD(struct imageupdateautomation_author, email, "email", FIELD_STR, .required = true,
          .doc = "Mail address of author and committer."),
};
static const struct schema author_schema =
    SCHEMA(struct imageupdateautomation_author, author_fields);

static const struct field key_fields[] = {
    FIELD(struct imageupdateautomation_key, type, "type", FIELD_STR,
          .choices = SCHEMA_CHOICES("gpg", "ssh"), .doc = "Kind of the key; gpg when not given."),
    FIELD(struct imageupdateautomation_key, secret_ref, "secretRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The Secret with the private key: git.asc and passphrase for gpg, identity and "
                 "password for ssh."),
};
static const struct schema key_schema = SCHEMA(struct imageupdateautomation_key, key_fields);

static const struct field commit_fields[] = {
    FIELD(struct imageupdateautomation_commit, author, "author", FIELD_OBJECT, .required = true,
          .schema = &author_schema, .doc = "Who the commits are from."),
    FIELD(struct imageupdateautomation_commit, signing_key, "signingKey", FIELD_OBJECT,
          .schema = &key_schema, .doc = "What commits are signed with."),
    FIELD(struct imageupdateautomation_commit, message_template, "messageTemplate", FIELD_STR,
          .doc = "Go template of the commit's message, over .AutomationObject, .Changed and "
                 ".Values."),
    FIELD(struct imageupdateautomation_commit, message_values, "messageTemplateValues",
          FIELD_STR_MAP, .doc = ".Values of the template."),
};
static const struct schema commit_schema =
    SCHEMA(struct imageupdateautomation_commit, commit_fields);

static const struct field push_fields[] = {
    FIELD(struct imageupdateautomation_push, branch, "branch", FIELD_STR,
          .doc = "The branch to push to; the one that was checked out when not given."),
    FIELD(struct imageupdateautomation_push, refspec, "refspec", FIELD_STR,
          .doc = "A refspec to push in addition, such as refs/heads/main:refs/for/main."),
    FIELD(struct imageupdateautomation_push, options, "options", FIELD_STR_MAP,
          .doc = "Push options, sent to the server as key=value."),
};
static const struct schema push_schema = SCHEMA(struct imageupdateautomation_push, push_fields);

static const struct field git_fields[] = {
    FIELD(struct imageupdateautomation_git, checkout, "checkout", FIELD_OBJECT,
          .schema = &checkout_schema,
          .doc = "What to check out; spec.ref of the GitRepository when not given."),
    FIELD(struct imageupdateautomation_git, commit, "commit", FIELD_OBJECT, .required = true,
          .schema = &commit_schema, .doc = "How commits are made."),
    FIELD(struct imageupdateautomation_git, push, "push", FIELD_OBJECT, .schema = &push_schema,
          .doc = "Where commits are pushed to."),
};
static const struct schema git_schema = SCHEMA(struct imageupdateautomation_git, git_fields);

struct expression {
    str key, operator;
    struct schema_strings values;
};
struct selector_fields {
    const node *match_labels;
    SCHEMA_LIST(struct expression) match_expressions;
};
static const struct field expression_fields[] = {
    FIELD(struct expression, key, "key", FIELD_STR, .required = true, .doc = "The label."),
    FIELD(struct expression, operator, "operator", FIELD_STR, .required = true,
          .doc = "In, NotIn, Exists or DoesNotExist."),
    FIELD(struct expression, values, "values", FIELD_STR_LIST, .doc = "For In and NotIn."),
};
static const struct schema expression_schema = SCHEMA(struct expression, expression_fields);
static const struct field selector_rows[] = {
    FIELD(struct selector_fields, match_labels, "matchLabels", FIELD_STR_MAP,
          .doc = "Labels that have to be there with these values."),
    FIELD(struct selector_fields, match_expressions, "matchExpressions", FIELD_LIST,
          .schema = &expression_schema, .doc = "Conditions that all have to hold."),
};
static const struct schema selector_schema = SCHEMA(struct selector_fields, selector_rows);

static const struct field update_fields[] = {
    FIELD(struct imageupdateautomation_update, strategy, "strategy", FIELD_STR,
          .fallback = "Setters", .choices = SCHEMA_CHOICES("Setters"),
          .doc = "How files are changed: Setters, at markers in comments."),
    FIELD(struct imageupdateautomation_update, path, "path", FIELD_STR,
          .doc = "The folder whose files are changed; the root when not given."),
};
static const struct schema update_schema =
    SCHEMA(struct imageupdateautomation_update, update_fields);

static const struct field spec_fields[] = {
    FIELD(struct imageupdateautomation_spec, source_ref, "sourceRef", FIELD_OBJECT,
          .required = true, .schema = &source_schema,
          .doc = "The GitRepository whose repository is changed."),
    FIELD(struct imageupdateautomation_spec, interval_ns, "interval", FIELD_DURATION,
          .required = true, .doc = "How often the repository is looked at without a new image."),
    FIELD(struct imageupdateautomation_spec, policy_selector, "policySelector", FIELD_OBJECT,
          .raw = true, .schema = &selector_schema,
          .doc = "The ImagePolicies that are followed, by their labels; all of our namespace when "
                 "not given."),
    FIELD(struct imageupdateautomation_spec, git, "git", FIELD_OBJECT, .schema = &git_schema,
          .doc = "Checkout, commit and push."),
    FIELD(struct imageupdateautomation_spec, update, "update", FIELD_OBJECT,
          .schema = &update_schema, .doc = "Which files are changed, and how."),
    FIELD(struct imageupdateautomation_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Makes no commits."),
};
static const struct schema spec_schema = SCHEMA(struct imageupdateautomation_spec, spec_fields);

static const struct field status_fields[] = {
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last handled."),
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready, Reconciling, Stalled."),
    FIELD_SHOWN("lastAutomationRunTime", FIELD_TIME,
                .doc = "When the repository was last looked at."),
    FIELD_SHOWN("lastPushCommit", FIELD_STR, .doc = "The commit that was last pushed."),
    FIELD_SHOWN("lastPushTime", FIELD_TIME, .doc = "When it was pushed."),
    FIELD_SHOWN("observedPolicies", FIELD_NODE,
                .doc = "The images {name, tag, digest} that were last applied, by ImagePolicy."),
    FIELD_SHOWN("observedSourceRevision", FIELD_STR,
                .doc = "The revision of the repository that was last looked at."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
static const struct schema status_schema = SCHEMA_SHOWN(status_fields);

err *imageupdateautomation_spec_decode(arena *a, const node *object,
                                       struct imageupdateautomation_spec *out)
{
    const node *spec = node_get(object, STR("spec"));
    TRY(schema_decode(a, &spec_schema, spec, "spec", out));
    out->has_git = node_is_map(node_get(spec, STR("git")));
    out->has_checkout_ref = node_is_map(node_find(spec, "git", "checkout", "ref", NULL));
    return NULL;
}

KIND(imageupdateautomation) = {
    .group = "image.toolkit.fluxcd.io",
    .version = "v1",
    .kind = "ImageUpdateAutomation",
    .plural = "imageupdateautomations",
    .short_names = {"iua", "imgupd"},
    .categories = {"all", "fluxcd", "fluxcd-images"},
    .doc = "Writes the images that ImagePolicies choose into a Git repository.",
    .spec = &spec_schema,
    .status = &status_schema,
    .status_default = "{\"observedGeneration\":-1}",
    .columns = {KIND_READY,
                KIND_STATUS,
                {"Last run", "string", ".status.lastAutomationRunTime"},
                KIND_AGE},
    .family = "image",
    .words = {"update", "imageupdateautomation", "imageupdateautomations"},
    .human = "image update",
    .get = {{"Last run", NULL, "status.lastAutomationRunTime"}},
    .rank = 32,
};
