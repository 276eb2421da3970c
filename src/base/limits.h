#pragma once
/*
 * Every bound of the program, with its unit and its reason. Crossing one is an
 * INVALID error that names the limit.
 */

/* Threads. */
#define LIMIT_THREAD_STACK_BYTES (512 * 1024) /* of a worker; LIMIT_DOC_DEPTH calls fit */

/* Text and documents. */
#define LIMIT_LOG_VALUE_BYTES (16 * 1024)        /* `flux logs` reads lines below 64 KiB */
#define LIMIT_DOC_DEPTH 200                      /* nesting of a document; our readers recurse */
#define LIMIT_DOC_BYTES (64u * 1024 * 1024)      /* one document or stream of documents */
#define LIMIT_YAML_ALIAS_FACTOR 10 /* nodes after expansion per node before, plus the next */
#define LIMIT_YAML_ALIAS_FREE_NODES 10000        /* small files may repeat themselves freely */
#define LIMIT_YAML_DIRECTIVES 100                /* lines that begin with %; libyaml compares all */
#define LIMIT_SPAN_BYTES ((size_t)4 * 1024 * 1024) /* one file that is changed in place */
#define LIMIT_MARKER_BYTES ((size_t)4096)        /* one setter marker; names have less */
#define LIMIT_MERGE_ITEMS 10000                  /* items of two lists merged by key: quadratic */
#define LIMIT_PATCH_OPS 10000                    /* operations of one JSON patch */
/* memory one JSON patch may copy: it can double */
#define LIMIT_PATCH_COPY_BYTES (32 * 1024 * 1024)

/* Expressions. */
#define LIMIT_CEL_BYTES (16 * 1024) /* one expression */
#define LIMIT_CEL_DEPTH 100         /* nesting of one; parser and evaluator recurse */
#define LIMIT_CEL_COST 1000000      /* steps of one evaluation, or ten bytes of text each */
#define LIMIT_CEL_REGEX_BYTES 1024  /* one pattern */

/* A tree of files and what is rendered from it. */
#define LIMIT_FILE_BYTES (64u * 1024 * 1024)     /* one file of an artifact */
#define LIMIT_TREE_FILES 200000                  /* files of one artifact */
#define LIMIT_TREE_BYTES (1024ll * 1024 * 1024)  /* all files of one artifact, unpacked */
#define LIMIT_TREE_DEPTH 100                     /* folders within folders; our walks recurse */
#define LIMIT_IGNORE_BYTES ((size_t)1024 * 1024) /* one .sourceignore file */
#define LIMIT_TREES_IDLE 16                      /* unpacked artifacts of others, kept */
#define LIMIT_ARTIFACT_FILES 1000                /* files of one source that a clean-up looks at */
#define LIMIT_RENDER_BYTES (64u * 1024 * 1024)   /* rendered output of one unit */
#define LIMIT_RENDER_OBJECTS 100000              /* objects of one unit */
#define LIMIT_CRD_FIELDS 100000 /* fields walked in `crds`: types may refer to each other */
#define LIMIT_RENDER_INPUT_BYTES (128u * 1024 * 1024) /* files one build reads, repeats counted */
#define LIMIT_RENDER_FOLDERS 10000               /* kustomizations of one build, repeats counted */
#define LIMIT_RENDER_DEPTH 200 /* kustomizations on top of each other; we recurse */
#define LIMIT_RENDER_SPECS 10000 /* field specs of one configuration, all compared */
#define LIMIT_RENDER_MEMORY_BYTES (1024u * 1024 * 1024) /* what one build may allocate */

#define LIMIT_SUBST_DEPTH 50                     /* ${a:-${b:-...}}; the reader recurses */
#define LIMIT_SUBST_STEPS (1u << 30) /* pattern length * value length^2 of one ${v#pattern} */

/* Templates. */
#define LIMIT_TEMPLATE_TEXT (4u * 1024 * 1024)    /* one template */
#define LIMIT_TEMPLATE_SPLIT 10000                /* items that are compared with each other */
#define LIMIT_TEMPLATE_RANGE 1000000              /* numbers of one `until` */
#define LIMIT_TEMPLATE_WIDTH 1000000              /* of one verb of printf, as in Go */
#define LIMIT_TEMPLATE_STEPS 10000000             /* actions and operands of one run */
#define LIMIT_TEMPLATE_DEPTH 200                  /* blocks and calls in each other; we recurse */
#define LIMIT_TEMPLATE_BYTES (16u * 1024 * 1024)  /* output, unless the caller says less */
#define LIMIT_TEMPLATE_VALUES (256u * 1024 * 1024) /* bytes that functions make in one run */

/* Git. */
#define LIMIT_GIT_OUTPUT_BYTES (64u * 1024 * 1024)    /* what the program prints, when gathered */
#define LIMIT_GIT_ERROR_BYTES 4096                    /* of what it says on standard error */
#define LIMIT_GIT_FILE_BYTES (2048ll * 1024 * 1024)   /* one pack, on disk */
#define LIMIT_GIT_MEMORY_BYTES (2048ll * 1024 * 1024) /* of one process: deltas that explode */
#define LIMIT_MARKERLESS 200000 /* files an image automation knows to have no marker */
#define LIMIT_PUSH_TRIES 10     /* of one run, when others push to the branch, too */
#define LIMIT_COMMIT_MESSAGE_BYTES ((size_t)64 * 1024) /* of a commit of ours */
#define LIMIT_GIT_REF_BYTES 1024                      /* name of a reference; a file name to git */
#define LIMIT_GIT_REFS 1000000                        /* that a server may list */
#define LIMIT_GIT_CLIENTS 64                          /* trust domains with kept connections */
#define LIMIT_GIT_SERVERS 10000                       /* remotes whose abilities are remembered */
#define LIMIT_GIT_ANSWER_SHOWN 200                    /* bytes of a refusal that are passed on */
#define LIMIT_GIT_POLLS 2                             /* under way at one remote; others queue up */
#define LIMIT_GIT_SSH_POLLS 4                         /* under way at one SSH host */
#define LIMIT_GIT_SSH_THREADS 64                      /* that poll over SSH */
#define LIMIT_GIT_CONNECTIONS 100                     /* to one host: it may hang for some URLs */
#define LIMIT_GIT_WAIT_NS 200000000ll                 /* that a worker waits for its turn there */
#define LIMIT_MIRRORS 500                             /* the longest unused goes first */
#define LIMIT_MIRROR_PACKS 50                         /* fetches, before it is made anew */
#define LIMIT_MIRROR_LOOSE 7000 /* objects of commits of ours, before it is made anew */
#define LIMIT_MIRROR_IDLE_NS (6ll * 3600 * 1000000000) /* one that nobody asked for is dropped */

/* HTTP. */
#define LIMIT_HTTP_BODY_BYTES (64u * 1024 * 1024) /* a response body unless the caller says less */
#define LIMIT_HTTP_HEADER_BYTES (64 * 1024)       /* all header lines of one response */
#define LIMIT_HTTP_REDIRECTS 3
#define LIMIT_HTTP_STREAMS 1000                   /* of one HTTP/2 connection; servers say less */
#define LIMIT_HTTP_CONNECTIONS_KEPT 16            /* idle ones of one client, 40 KiB each */
#define LIMIT_HTTP_HANDLES_KEPT 8                 /* idle handles of one client, 6 KiB each */
/* libcurl's receive buffer of one request; pages that are not used cost nothing. With several
 * HTTP/2 answers under way, libcurl 7.88 overlooks the end of one whose last frame does not fit,
 * until the connection brings something else. So most answers have to fit; the API server
 * compresses those above 128 KiB. */
#define LIMIT_HTTP_BUFFER_BYTES (256 * 1024)
#define LIMIT_HTTPD_CONNECTIONS 256               /* of one listener; more wait in the kernel */
#define LIMIT_HTTPD_HEADER_BYTES (16 * 1024)      /* of a request, and of its answer */
#define LIMIT_HTTPD_BODIES_BYTES (32u * 1024 * 1024) /* of all requests under way at a listener */
#define LIMIT_HTTPD_STREAM_BYTES (64u * 1024 * 1024) /* of one stream that wait for its reader */
#define LIMIT_HTTPD_REQUEST_MS (30 * 1000)        /* until a request is complete, and for a client
                                                     that does not read on */

/* Versions, as the reference bounds them. */
#define LIMIT_SEMVER_BYTES 256       /* one version */
#define LIMIT_SEMVER_RANGE_BYTES 512 /* one range */
#define LIMIT_SEMVER_RANGE_GROUPS 32 /* parts of a range between "||" */
#define LIMIT_SEMVER_TIES 32         /* tags of equal rank whose commits are compared */

/* Webhooks and tokens of callers. */
#define LIMIT_HOOK_BODY_BYTES (3u * 1024 * 1024) /* of a call, as Flux bounds it */
#define LIMIT_HOOK_JSON_DEPTH 64                 /* nesting of a call's body */
#define LIMIT_HOOK_WORKERS 16                    /* calls that are verified at a time */
#define LIMIT_HOOK_ISSUER_CALLS 4 /* of these, with tokens, of one namespace: issuers hang */
#define LIMIT_HOOK_DELIVERIES 10000              /* ids of deliveries that are remembered */
#define LIMIT_HOOK_RESOURCES 1000                /* objects one call may have reconciled */
#define LIMIT_JWT_BYTES (16 * 1024)              /* one token */
#define LIMIT_JWT_DEPTH 16                       /* nesting of its claims, and of a set of keys */
#define LIMIT_JWT_KEYS 50                        /* keys of one set that are tried */
#define LIMIT_ISSUER_BYTES (256u * 1024)         /* what an issuer may answer */
#define LIMIT_ISSUERS 64                         /* documents of issuers that are kept */

/* Metrics. */
#define LIMIT_METRIC_SERIES 20000                /* label sets of one metric */

/* Kubernetes. */
#define LIMIT_MESSAGE_BYTES 32768                /* a condition's message, as Flux cuts it */
#define LIMIT_HISTORY_ENTRIES 5                  /* of status.history, as Flux keeps */
#define LIMIT_DIFF_FIELDS 1000                   /* differences of one object that `diff` prints */
#define LIMIT_DRIFT_FIELDS 10 /* named in one drift event; the rest are counted */
#define LIMIT_LIST_PAGE 500                      /* objects per page of a LIST */
/* one line of a watch; etcd stores at most 1.5 MiB */
#define LIMIT_WATCH_EVENT_BYTES (8u * 1024 * 1024)
#define LIMIT_OFFSPRING_DEPTH 50 /* Kustomizations made by Kustomizations; the CLI recurses */
#define LIMIT_BATCH_IN_FLIGHT 20 /* requests of one batch; more does not go faster */
#define LIMIT_KUBECONFIG_BYTES (1024 * 1024)      /* a Secret holds at most that */
#define LIMIT_KUBE_WAIT_NS 10000000000 /* 10 s in all that a worker waits because of Retry-After */
#define LIMIT_EVENT_QUEUE 1000                   /* Events that wait to be sent */
#define LIMIT_EVENT_RECENT 2000 /* Events sent of late that a repetition may count on */

/* Registries. */
#define LIMIT_OCI_TAG_BYTES 128                    /* as the distribution specification has it */
#define LIMIT_OCI_REPOSITORY_BYTES 255             /* the same */
#define LIMIT_OCI_REFERENCE_BYTES 1024             /* registry, repository, tag and digest */
#define LIMIT_OCI_KEYCHAIN_BYTES (1024 * 1024)     /* a Secret holds at most that */
#define LIMIT_OCI_TAGS 1000000                     /* of one repository */
#define LIMIT_OCI_PAGES 10000                      /* of one list of tags */
#define LIMIT_OCI_PAGE_BYTES (8u * 1024 * 1024)    /* one page of tags */
#define LIMIT_OCI_MANIFEST_BYTES (4u * 1024 * 1024) /* as registries bound them */
#define LIMIT_OCI_TOKEN_BYTES (64 * 1024)          /* an answer of a token server */
#define LIMIT_OCI_ETAG_BYTES 1024                  /* of a list of tags, to be kept */
#define LIMIT_OCI_ERRORS 3                         /* of one answer that are passed on */
#define LIMIT_OCI_TOKENS 1000                      /* kept; the longest unused goes first */
#define LIMIT_OCI_HOSTS 1000                       /* registries whose pace and scheme are known */
#define LIMIT_OCI_IN_FLIGHT 4                      /* requests at one registry at a time */
#define LIMIT_OCI_RATE 50                          /* requests a second at one registry, at most */
#define LIMIT_OCI_WAIT_NS 200000000ll              /* that a worker waits for its turn there */
#define LIMIT_OCI_PAUSE_NS 5000000000ll            /* the same, before it tries again */
#define LIMIT_LINE_BYTES (64 * 1024)               /* one line of a service that speaks in lines */
#define LIMIT_LINE_LOOKUPS 16                      /* threads that ask for the address of a name */
#define LIMIT_HTTP_TRUSTS 64                       /* trust domains with kept connections */
/* Notices. */
#define LIMIT_NOTICE_BODY_BYTES (3u * 1024 * 1024) /* a posted event, as Flux bounds it */
#define LIMIT_NOTICE_MESSAGE_BYTES 39000           /* of an event, as Flux bounds it */
#define LIMIT_NOTICE_NAME_BYTES 1024               /* any other text of an event */
#define LIMIT_NOTICE_FIELDS 256                    /* keys of an event's metadata */
#define LIMIT_NOTICE_DEPTH 10                      /* nesting of a posted event */
#define LIMIT_NOTICE_ADDRESS_BYTES 2048            /* as Flux bounds it */
#define LIMIT_NOTICE_INTAKE 20000                  /* events that wait to be compared with Alerts */
#define LIMIT_NOTICE_INTAKE_BYTES (64ll * 1024 * 1024) /* the same, their texts */
#define LIMIT_NOTICE_QUEUE 10000                       /* notices that wait for one Provider */
#define LIMIT_NOTICE_QUEUE_BYTES (16ll * 1024 * 1024)  /* the same, their texts */
#define LIMIT_NOTICE_AGE_NS (3600ll * 1000000000)  /* until a notice that cannot be sent is lost */
#define LIMIT_NOTICE_TRIES 5                       /* of one that a human has to help */
#define LIMIT_NOTICE_ANSWER_BYTES (1024 * 1024)    /* of a service's answer that is read */
#define LIMIT_NOTICE_STEPS 10                      /* requests of one delivery */
#define LIMIT_NOTICE_WAIT_NS (600ll * 1000000000)  /* that a service's Retry-After is heeded */
#define LIMIT_NOTICE_FLOODS 1000                   /* kinds of like events that are counted */
#define LIMIT_NOTICE_SUM_NAMES 20                  /* objects that a sum names */
#define LIMIT_NOTICE_REPEATS 20000                 /* events remembered to tell repetitions */
#define LIMIT_NOTICE_SUBJECTS 20000                /* failing objects whose recovery is told */

/* The sandbox. */
#define LIMIT_SANDBOX_BODY_BYTES (3u * 1024 * 1024) /* of a request, as a real API server has it */
#define LIMIT_SANDBOX_HISTORY 20000 /* changes that a watch may resume from */
#define LIMIT_SANDBOX_HISTORY_BYTES (64u * 1024 * 1024) /* the same, of both states of each */
#define LIMIT_SANDBOX_PLAIN_BYTES (128u * 1024) /* longer answers are compressed, as upstream */
#define LIMIT_SANDBOX_OBJECTS 200000
#define LIMIT_SANDBOX_RULES_COST (10 * LIMIT_CEL_COST) /* of the rules of one object */
#define LIMIT_SANDBOX_FAULTS 64                    /* rules of --fault */
#define LIMIT_SANDBOX_FAULT_NS (3600ll * 1000000000) /* that a fault lasts */
#define LIMIT_SANDBOX_WATCHES 1000
#define LIMIT_SANDBOX_MANAGERS 10 /* entries of managers that do not apply, as upstream */
#define LIMIT_SANDBOX_REPLICAS 100 /* pods that one workload gets: nothing runs, all is kept */
#define LIMIT_SANDBOX_SNAPSHOT_BYTES (2048ull * 1024 * 1024) /* of the file of all objects */
#define LIMIT_SANDBOX_FOLDER_FILES 20000u /* of a folder that is converged; as many folders */
#define LIMIT_SANDBOX_FOLDER_BYTES (64u * 1024 * 1024) /* the same, all its files */
#define LIMIT_SANDBOX_FOLDER_COMMITS 1000 /* of a folder, before its repository is made anew */
