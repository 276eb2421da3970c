#pragma once
/*
 * The command line. A command is one file, cli/cmd_<name>.c, with a COMMAND row
 * at its end; the path "get all" is what the user types. Results go to standard
 * output, progress to standard error with the marks people know from flux.
 *
 *     static err *run(struct cli *cli, const void *options) { ... }
 *     COMMAND(tree) = { .path = "tree kustomization", .usage = "NAME", .flags = flags, ... };
 */
#include "base/roster.h"
#include "cli/flag.h"
#include "kube/kube.h"

struct cli;

struct command {
    const char *path;        /* words, separated by blanks */
    const char *aliases;     /* other last words: "ks kustomizations"; NULL: none */
    const char *usage;       /* the arguments: "NAME..."; NULL: none */
    const char *summary;     /* one line, lower case, no dot */
    const char *help;        /* paragraphs below the summary; may be NULL */
    void (*details)(buf *b); /* more help, made from tables; may be NULL */
    const char *examples;    /* lines; may be NULL */
    const struct flag *flags;
    size_t flag_count, options_size;
    int args_min, args_max; /* args_max -1: any number */
    int error_exit;         /* exit code of an error; 0: 1 */
    bool hidden;            /* not in the overview */
    bool bare;              /* without the global flags: talks to no cluster */
    /* An error is printed as "✗ message" and ends with error_exit. */
    err *(*run)(struct cli *cli, const void *options);
};

ROSTER(command, struct command);
#define COMMAND(ident) ROSTER_ROW(command, struct command, command_##ident)
#define COMMAND_FLAGS(table, options_type)                                                         \
    .flags = (table), .flag_count = COUNT(table), .options_size = sizeof(options_type)

/* What the global flags say. */
struct cli_globals {
    str namespace, kubeconfig, context;
    str server, token, certificate_authority, tls_server_name, as;
    bool insecure_skip_tls_verify, ns_follows_kube_context, verbose;
    int64_t timeout_ns;
};

/* One run of one command, on the main thread. */
struct cli {
    arena *a; /* lives as long as the command */
    const struct command *command;
    struct cli_globals globals;
    bool namespace_given; /* by flag or environment, not by default */
    str *args;
    size_t arg_count;
    buf out;           /* what goes to standard output; cli_flush writes it */
    int exit_code;     /* of a run without error */
    struct kube *kube; /* after cli_connect */
    struct loop *loop; /* runs on a thread of its own */
};

/* Runs the program: the command that argv names. Returns the exit code. */
int cli_main(int argc, char **argv);

/* Runs another command as if it had been typed; its results are written at once. */
MUST_USE err *cli_call(const char *const *words, size_t count);

/* Connects to the API server: a thread runs the loop, kube_do works on this one. At most once; the
 * end of the command closes it. Also settles cli->globals.namespace. */
MUST_USE err *cli_connect(struct cli *cli);

/* Writes cli->out and empties it. A closed pipe ends the program quietly, as kubectl does; a full
 * disk is an error. */
MUST_USE err *cli_flush(struct cli *cli);

/* Progress, one line each, at once, to standard error. */
void cli_action(const char *format, ...) PRINTF(1, 2);   /* ► */
void cli_generate(const char *format, ...) PRINTF(1, 2); /* ✚ */
void cli_waiting(const char *format, ...) PRINTF(1, 2);  /* ◎ */
void cli_success(const char *format, ...) PRINTF(1, 2);  /* ✔ */
void cli_warning(const char *format, ...) PRINTF(1, 2);  /* ⚠️ */
void cli_failure(const char *format, ...) PRINTF(1, 2);  /* ✗ */

/* Commands by path, for the help and the reference. */
const struct command **cli_commands(arena *a, size_t *count_out);
/* The help text of a command; of the whole program for NULL. */
void cli_help(buf *b, const struct command *command);
