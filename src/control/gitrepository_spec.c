#include "control/gitrepository_spec.h"

static const struct field name_fields[] = {
    FIELD(struct gitrepository_name, name, "name", FIELD_STR, .required = true,
          .doc = "Name of the object, in the same namespace."),
};
static const struct schema name_schema = SCHEMA(struct gitrepository_name, name_fields);

static const struct field ref_fields[] = {
    FIELD(struct gitrepository_ref, branch, "branch", FIELD_STR,
          .doc = "The branch to follow; master when nothing of ref is given."),
    FIELD(struct gitrepository_ref, tag, "tag", FIELD_STR,
          .doc = "The tag to check out; goes before semver and branch."),
    FIELD(struct gitrepository_ref, semver, "semver", FIELD_STR,
          .doc = "A range of versions, such as >=1.0.0 <2.0.0; the highest tag in it is taken."),
    FIELD(struct gitrepository_ref, name, "name", FIELD_STR,
          .doc = "A full reference, such as refs/pull/1/head; goes before branch, tag and semver."),
    FIELD(struct gitrepository_ref, commit, "commit", FIELD_STR,
          .doc = "The commit to check out; goes before everything else. With branch, the commit is "
                 "looked for there."),
};
const struct schema gitrepository_spec_ref = SCHEMA(struct gitrepository_ref, ref_fields);

static const struct field verify_fields[] = {
    FIELD(struct gitrepository_verify, mode, "mode", FIELD_STR, .fallback = "HEAD",
          .choices = SCHEMA_CHOICES("head", "HEAD", "Tag", "TagAndHEAD"),
          .doc = "What must be signed: the commit, the tag that ref names, or both."),
    FIELD(struct gitrepository_verify, secret_ref, "secretRef", FIELD_OBJECT, .required = true,
          .schema = &name_schema,
          .doc = "The Secret with the public keys that are trusted: *.asc (PGP), *.sshpub (SSH)."),
};
static const struct schema verify_schema = SCHEMA(struct gitrepository_verify, verify_fields);

static const struct field include_fields[] = {
    FIELD(struct gitrepository_include, repository, "repository", FIELD_OBJECT, .required = true,
          .schema = &name_schema, .doc = "The GitRepository whose artifact is included."),
    FIELD(struct gitrepository_include, from_path, "fromPath", FIELD_STR,
          .doc = "What to copy from there; the root when not given."),
    FIELD(struct gitrepository_include, to_path, "toPath", FIELD_STR,
          .doc = "Where to copy it to; a folder named after the repository when not given."),
};
static const struct schema include_schema = SCHEMA(struct gitrepository_include, include_fields);

static const struct field spec_fields[] = {
    FIELD(struct gitrepository_spec, url, "url", FIELD_STR, .required = true,
          .pattern = "^(http|https|ssh)://.*$",
          .doc = "Address of the repository: https://, http:// or ssh://."),
    FIELD(struct gitrepository_spec, ref, "ref", FIELD_OBJECT, .schema = &gitrepository_spec_ref,
          .doc = "What to check out; the branch master when not given."),
    FIELD(struct gitrepository_spec, interval_ns, "interval", FIELD_DURATION, .required = true,
          .doc = "How often the repository is asked for news."),
    FIELD(struct gitrepository_spec, timeout_ns, "timeout", FIELD_DURATION, .fallback = "60s",
          .pattern = "^([0-9]+(\\.[0-9]+)?(ms|s|m))+$",
          .doc = "How long one Git operation may take."),
    FIELD(struct gitrepository_spec, secret_ref, "secretRef", FIELD_OBJECT, .schema = &name_schema,
          .doc = "The Secret with the credentials: username and password or bearerToken, "
                 "and ca.crt for HTTPS; identity and known_hosts for SSH."),
    FIELD(struct gitrepository_spec, provider, "provider", FIELD_STR,
          .choices = SCHEMA_CHOICES("generic", "aws", "azure", "github"),
          .doc = "Who issues the credentials; generic, from secretRef, when not given."),
    FIELD(struct gitrepository_spec, service_account_name, "serviceAccountName", FIELD_STR,
          .doc = "The ServiceAccount whose identity is used with the providers aws and azure."),
    FIELD(struct gitrepository_spec, verify, "verify", FIELD_OBJECT, .schema = &verify_schema,
          .doc = "Which signatures a revision needs before it becomes an artifact."),
    FIELD(struct gitrepository_spec, proxy_secret_ref, "proxySecretRef", FIELD_OBJECT,
          .schema = &name_schema,
          .doc = "The Secret with the proxy's address, and its username and password."),
    FIELD(struct gitrepository_spec, ignore, "ignore", FIELD_STR,
          .doc = "What to leave out of the artifact, in the format of .gitignore; added to the "
                 "repository's .sourceignore files."),
    FIELD(struct gitrepository_spec, suspend, "suspend", FIELD_BOOL,
          .doc = "Stops asking for news; the last artifact stays."),
    FIELD(struct gitrepository_spec, recurse_submodules, "recurseSubmodules", FIELD_BOOL,
          .doc = "Checks out submodules too, with the same credentials."),
    FIELD(struct gitrepository_spec, include, "include", FIELD_LIST, .schema = &include_schema,
          .doc = "Artifacts of other GitRepositories that are copied into this one's."),
    FIELD(struct gitrepository_spec, sparse_checkout, "sparseCheckout", FIELD_STR_LIST,
          .doc = "The only folders to check out."),
};

static const struct schema_rule spec_rules[] = {
    {"!has(self.serviceAccountName) || (has(self.provider) && "
     "(self.provider == 'azure' || self.provider == 'aws'))",
     "serviceAccountName can only be set when provider is 'azure' or 'aws'"},
};
static const struct schema spec_schema =
    SCHEMA(struct gitrepository_spec, spec_fields, SCHEMA_RULES(spec_rules));

static const struct field status_fields[] = {
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last handled."),
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready, Reconciling, Stalled, and ArtifactInStorage, ArtifactOutdated, "
                       "FetchFailed, StorageOperationFailed, IncludeUnavailable, SourceVerified."),
    FIELD_SHOWN("artifact", FIELD_OBJECT, .schema = &kind_artifact,
                .doc = "The archive of the revision that was last fetched."),
    FIELD_SHOWN("includedArtifacts", FIELD_LIST, .schema = &kind_artifact,
                .doc = "The archives that were included, in the order of spec.include."),
    FIELD_SHOWN("observedIgnore", FIELD_STR, .doc = "spec.ignore as the artifact was made with."),
    FIELD_SHOWN("observedRecurseSubmodules", FIELD_BOOL,
                .doc = "spec.recurseSubmodules as the artifact was made with."),
    FIELD_SHOWN("observedInclude", FIELD_LIST, .schema = &include_schema,
                .doc = "spec.include as the artifact was made with."),
    FIELD_SHOWN("observedSparseCheckout", FIELD_STR_LIST,
                .doc = "spec.sparseCheckout as the artifact was made with."),
    FIELD_SHOWN("sourceVerificationMode", FIELD_STR,
                .doc = "spec.verify.mode that the artifact was verified with."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
static const struct schema status_schema = SCHEMA_SHOWN(status_fields);

err *gitrepository_spec_decode(arena *a, const node *object, struct gitrepository_spec *out)
{
    return schema_decode(a, &spec_schema, node_get(object, STR("spec")), "spec", out);
}

KIND(gitrepository) = {
    .group = "source.toolkit.fluxcd.io",
    .version = "v1",
    .kind = "GitRepository",
    .plural = "gitrepositories",
    .short_names = {"gitrepo"},
    .categories = {"all", "fluxcd", "fluxcd-sources"},
    .doc = "A Git repository that is followed; each new revision becomes an artifact.",
    .spec = &spec_schema,
    .status = &status_schema,
    .status_default = "{\"observedGeneration\":-1}",
    .columns = {{"URL", "string", ".spec.url"}, KIND_AGE, KIND_READY, KIND_STATUS},
    .family = "source",
    .words = {"git", "gitrepository", "gitrepo"},
    .human = "source git",
    .get = {{"Revision", NULL, "status.artifact.revision"}},
    .done = "fetched revision {status.artifact.revision}",
    .rank = 13,
};
