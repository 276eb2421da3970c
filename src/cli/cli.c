#include "cli/cli.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "version.h"

#define DEFAULT_NAMESPACE "flux-system"
#define NAMESPACE_BYTES   63 /* of a DNS label */

static const struct flag global_flags[] = {
    FLAG(struct cli_globals, namespace, "namespace", 'n', FLAG_STR, .env = "FLUX_SYSTEM_NAMESPACE",
         .value = "name", .help = "namespace of the objects (default " DEFAULT_NAMESPACE ")"),
    FLAG(struct cli_globals, ns_follows_kube_context, "ns-follows-kube-context", 0, FLAG_BOOL,
         .env = "FLUX_NS_FOLLOWS_KUBE_CONTEXT",
         .help = "the namespace is the kubeconfig context's"),
    FLAG(struct cli_globals, kubeconfig, "kubeconfig", 0, FLAG_STR, .value = "file",
         .help = "kubeconfig file; else $KUBECONFIG, the pod's account, ~/.kube/config"),
    FLAG(struct cli_globals, context, "context", 0, FLAG_STR, .value = "name",
         .help = "context of the kubeconfig"),
    FLAG(struct cli_globals, server, "server", 's', FLAG_STR, .value = "url",
         .help = "address of the API server"),
    FLAG(struct cli_globals, token, "token", 0, FLAG_STR,
         .help = "bearer token for the API server"),
    FLAG(struct cli_globals, as, "as", 0, FLAG_STR, .value = "user", .help = "user to impersonate"),
    FLAG(struct cli_globals, certificate_authority, "certificate-authority", 0, FLAG_STR,
         .value = "file", .help = "certificates that the API server is trusted by"),
    FLAG(struct cli_globals, tls_server_name, "tls-server-name", 0, FLAG_STR, .value = "name",
         .help = "name that the API server's certificate must have"),
    FLAG(struct cli_globals, insecure_skip_tls_verify, "insecure-skip-tls-verify", 0, FLAG_BOOL,
         .help = "do not verify the API server's certificate"),
    FLAG(struct cli_globals, timeout_ns, "timeout", 0, FLAG_DURATION, .fallback = "5m",
         .help = "how long to wait for anything"),
    FLAG(struct cli_globals, verbose, "verbose", 0, FLAG_BOOL,
         .help = "tell more about what is done"),
};

/* ---- Progress and results ---- */

static void say(const char *mark, const char *format, va_list args)
{
    arena a AUTO(arena_done) = {0};
    str text = str_vprintf(&a, format, args);
    fprintf(stderr, "%s " STR_FMT "\n", mark, STR_ARG(text));
}

#define SAY(mark, format)                                                                          \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        say((mark), (format), args);                                                               \
        va_end(args);                                                                              \
    } while (0)

void cli_action(const char *format, ...)
{
    SAY("►", format);
}

void cli_generate(const char *format, ...)
{
    SAY("✚", format);
}

void cli_waiting(const char *format, ...)
{
    SAY("◎", format);
}

void cli_success(const char *format, ...)
{
    SAY("✔", format);
}

void cli_warning(const char *format, ...)
{
    SAY("⚠️", format);
}

void cli_failure(const char *format, ...)
{
    SAY("✗", format);
}

err *cli_flush(struct cli *cli)
{
    str rest = buf_str(&cli->out);
    while (rest.len) {
        ssize_t written = write(STDOUT_FILENO, rest.data, rest.len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EPIPE) return err_new(ERR_CANCELED, "PipeClosed", "no reader");
        if (written < 0) return err_invalid("writing to standard output: %s", strerror(errno));
        rest = str_skip(rest, (size_t)written);
    }
    buf_clear(&cli->out);
    return NULL;
}

/* ---- The API server ---- */

/* Flags go before what the kubeconfig says. */
static err *override_config(struct cli *cli, struct kubeconfig *config)
{
    const struct cli_globals *globals = &cli->globals;
    if (globals->server.len) config->server = globals->server;
    if (globals->as.len) config->impersonate = globals->as;
    if (globals->tls_server_name.len) config->server_name = globals->tls_server_name;
    if (globals->insecure_skip_tls_verify) config->insecure = true;
    if (globals->token.len) {
        config->token = globals->token;
        config->token_file = (str){0};
    }
    if (globals->certificate_authority.len) {
        TRY(fs_read(cli->a, globals->certificate_authority, LIMIT_HTTP_HEADER_BYTES * 16,
                    &config->ca_pem));
    }
    return NULL;
}

static err *find_server(struct cli *cli, struct kubeconfig *config)
{
    const struct cli_globals *globals = &cli->globals;
    err *e = kubeconfig_default(cli->a, globals->kubeconfig, globals->context, config);
    if (e && globals->server.len && !globals->kubeconfig.len) {
        err_free(e);
        *config = (struct kubeconfig){.namespace = STR("default")};
        e = NULL;
    }
    if (e) return e;
    return override_config(cli, config);
}

err *cli_connect(struct cli *cli)
{
    must(!cli->kube);
    struct kubeconfig config = {0};
    TRY(find_server(cli, &config));
    if (!cli->namespace_given && cli->globals.ns_follows_kube_context) {
        cli->globals.namespace = config.namespace;
    }

    struct kube_options options = {
        .field_manager = STR("flux"),
        .user_agent = STR("fixpoint/" FIXPOINT_VERSION),
    };
    cli->loop = loop_new();
    loop_start(cli->loop);
    return kube_new(cli->loop, &config, options, &cli->kube);
}

static void disconnect(struct cli *cli)
{
    kube_free(cli->kube);
    if (cli->loop) loop_join(cli->loop);
    loop_free(cli->loop);
}

/* ---- Finding the command ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct command *const *)a)->path,
                  (*(const struct command *const *)b)->path);
}

const struct command **cli_commands(arena *a, size_t *count_out)
{
    const struct command **all = NULL;
    size_t count = 0, room = 0;
    ROSTER_EACH (command, struct command, row) {
        *ARENA_PUSH(a, all, count, room) = *row;
    }
    if (count) qsort(all, count, sizeof *all, by_path);
    *count_out = count;
    return all;
}

static bool is_listed(const char *list, str word)
{
    str rest = str_of(list), item;
    while (list && str_next(&rest, ' ', &item)) {
        if (str_eq(item, word)) return true;
    }
    return false;
}

/* How many leading words the command's path takes; 0 when it is another command. */
static size_t match_path(const struct command *command, const str *words, size_t count)
{
    str rest = str_of(command->path), name;
    size_t at = 0;
    while (str_next(&rest, ' ', &name)) {
        bool last = rest.data == NULL;
        if (at == count) return 0;
        if (!str_eq(words[at], name) && !(last && is_listed(command->aliases, words[at]))) return 0;
        at++;
    }
    return at;
}

static const struct command *find_command(const str *words, size_t count, size_t *taken_out)
{
    const struct command *found = NULL;
    *taken_out = 0;
    ROSTER_EACH (command, struct command, row) {
        size_t taken = match_path(*row, words, count);
        if (taken <= *taken_out) continue;
        *taken_out = taken;
        found = *row;
    }
    return found;
}

/* Splits argv into the words that may name the command and the flags among them: a flag before the
 * command must be a global one, so its value can be told apart. */
static void split_flags(arena *a, const str *words, size_t count, str **names_out,
                        size_t *name_count, str **flags_out, size_t *flag_count)
{
    *names_out = NEW_ARRAY(a, str, count);
    *flags_out = NEW_ARRAY(a, str, count);
    *name_count = *flag_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (words[i].len < 2 || words[i].data[0] != '-') {
            (*names_out)[(*name_count)++] = words[i];
            continue;
        }
        (*flags_out)[(*flag_count)++] = words[i];
        if (i + 1 < count && flag_takes_next(global_flags, COUNT(global_flags), words[i])) {
            (*flags_out)[(*flag_count)++] = words[++i];
        }
    }
}

/* "get" of "get all" is no command but begins some. */
static bool begins_command(const struct command *command, str word)
{
    str first, rest;
    str_cut(str_of(command->path), ' ', &first, &rest);
    return rest.len && str_eq(first, word);
}

static err *unknown_command(arena *a, str word)
{
    size_t count;
    const struct command **all = cli_commands(a, &count);
    const char **names = NEW_ARRAY(a, const char *, count);
    buf below = BUF(a);
    for (size_t i = 0; i < count; i++) {
        str first, rest;
        str_cut(str_of(all[i]->path), ' ', &first, &rest);
        names[i] = str_z(a, first);
        if (begins_command(all[i], word))
            buf_printf(&below, "%s'%s'", below.len ? ", " : "", all[i]->path);
    }
    if (below.len) {
        return err_invalid("'" STR_FMT "' needs one more word: " STR_FMT, STR_ARG(word),
                           STR_ARG(buf_str(&below)));
    }
    const char *nearest = flag_nearest(word, names, count);
    if (nearest) {
        return err_invalid("unknown command '" STR_FMT "', did you mean '%s'?", STR_ARG(word),
                           nearest);
    }
    return err_invalid("unknown command '" STR_FMT "'; 'fixpoint --help' lists them",
                       STR_ARG(word));
}

/* ---- Help ---- */

static void help_overview(buf *b)
{
    arena a AUTO(arena_done) = {0};
    size_t count, width = 0;
    const struct command **all = cli_commands(&a, &count);
    for (size_t i = 0; i < count; i++)
        width = MAX(width, strlen(all[i]->path));

    BUF_ADD(
        b, "fixpoint keeps clusters as Git says.\n\nUsage: fixpoint COMMAND [ARGUMENTS] [FLAGS]\n\n"
           "Commands:\n");
    for (size_t i = 0; i < count; i++) {
        if (all[i]->hidden) continue;
        buf_printf(b, "  %-*s   %s\n", (int)width, all[i]->path, all[i]->summary);
    }
    BUF_ADD(b, "\nFlags of every command that talks to a cluster:\n");
    flag_help(b, global_flags, COUNT(global_flags));
    BUF_ADD(b, "\n'fixpoint COMMAND --help' tells more about a command.\n");
}

void cli_help(buf *b, const struct command *command)
{
    if (!command) {
        help_overview(b);
        return;
    }
    buf_printf(b, "%s\n\nUsage: fixpoint %s%s%s [FLAGS]\n", command->summary, command->path,
               command->usage ? " " : "", command->usage ? command->usage : "");
    if (command->aliases) buf_printf(b, "Aliases: %s\n", command->aliases);
    if (command->help) buf_printf(b, "\n%s\n", command->help);
    if (command->details) command->details(b);
    if (command->examples) buf_printf(b, "\nExamples:\n%s\n", command->examples);
    if (command->flag_count) {
        BUF_ADD(b, "\nFlags:\n");
        flag_help(b, command->flags, command->flag_count);
    }
    if (!command->bare) {
        BUF_ADD(b, "\nGlobal flags:\n");
        flag_help(b, global_flags, COUNT(global_flags));
    }
}

/* ---- Running it ---- */

static err *check_args(const struct cli *cli)
{
    const struct command *command = cli->command;
    size_t least = (size_t)command->args_min;
    if (cli->arg_count < least) {
        return err_invalid("usage: fixpoint %s %s", command->path, command->usage);
    }
    if (command->args_max >= 0 && cli->arg_count > (size_t)command->args_max) {
        return err_invalid("unexpected argument '" STR_FMT "'; usage: fixpoint %s%s%s",
                           STR_ARG(cli->args[command->args_max]), command->path,
                           command->usage ? " " : "", command->usage ? command->usage : "");
    }
    return NULL;
}

static bool is_label(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c != '-' || i == 0 || i + 1 == text.len)) return false;
    }
    return text.len > 0 && text.len <= NAMESPACE_BYTES;
}

static err *settle_namespace(struct cli *cli)
{
    cli->namespace_given = cli->globals.namespace.len > 0;
    if (!cli->namespace_given) cli->globals.namespace = STR(DEFAULT_NAMESPACE);
    if (is_label(cli->globals.namespace)) return NULL;
    return err_invalid("--namespace: '" STR_FMT
                       "' is not a DNS label (a-z, 0-9 and '-', at most %d "
                       "characters)",
                       STR_ARG(cli->globals.namespace), NAMESPACE_BYTES);
}

static err *run_command(struct cli *cli, const str *words, size_t count)
{
    const struct command *command = cli->command;
    void *options = arena_zalloc(cli->a, command->options_size + 1);
    struct flag_set sets[] = {
        {command->flags, command->flag_count, options},
        {global_flags, command->bare ? 0 : COUNT(global_flags), &cli->globals},
    };
    for (size_t i = 0; i < COUNT(sets); i++)
        TRY(flag_defaults(cli->a, sets[i]));

    bool help;
    TRY(flag_parse(cli->a, sets, COUNT(sets), words, count, &cli->args, &cli->arg_count, &help));
    if (help) {
        cli_help(&cli->out, command);
        return NULL;
    }
    TRY(check_args(cli));
    TRY(settle_namespace(cli));
    return command->run(cli, options);
}

/* `fixpoint`, `fixpoint --help`, `fixpoint help COMMAND`. */
static err *show_help(struct cli *cli, const str *names, size_t count)
{
    size_t taken;
    const struct command *command = find_command(names, count, &taken);
    if (count && !command) return unknown_command(cli->a, names[0]);
    cli_help(&cli->out, command);
    return NULL;
}

static err *dispatch(struct cli *cli, const str *words, size_t word_count)
{
    str *names, *flags;
    size_t name_count, flag_count, taken;
    split_flags(cli->a, words, word_count, &names, &name_count, &flags, &flag_count);
    if (name_count == 0) return show_help(cli, NULL, 0);
    if (str_is(names[0], "help")) return show_help(cli, names + 1, name_count - 1);

    cli->command = find_command(names, name_count, &taken);
    if (!cli->command) return unknown_command(cli->a, names[0]);

    /* The words of the path go; everything else stays in its order for the parser. */
    str *rest = NEW_ARRAY(cli->a, str, word_count);
    size_t rest_count = 0, dropped = 0;
    for (size_t i = 0; i < word_count; i++) {
        if (dropped < taken && words[i].data == names[dropped].data) {
            dropped++;
        } else {
            rest[rest_count++] = words[i];
        }
    }
    return run_command(cli, rest, rest_count);
}

err *cli_call(const char *const *words, size_t count)
{
    arena a AUTO(arena_done) = {0};
    struct cli cli = {.a = &a, .out = BUF(&a)};
    str *texts = NEW_ARRAY(&a, str, count);
    for (size_t i = 0; i < count; i++)
        texts[i] = str_of(words[i]);
    err *e = dispatch(&cli, texts, count), *flushed = cli_flush(&cli);
    disconnect(&cli);
    if (!e) return flushed;
    err_free(flushed);
    return e;
}

int cli_main(int argc, char **argv)
{
    arena a AUTO(arena_done) = {0};
    struct cli cli = {.a = &a};
    size_t count = argc > 0 ? (size_t)argc - 1 : 0;
    str *words = NEW_ARRAY(&a, str, count);
    for (size_t i = 0; i < count; i++)
        words[i] = str_of(argv[i + 1]);

    err *e = dispatch(&cli, words, count);
    err *flushed = cli_flush(&cli);
    if (!e) {
        e = flushed;
    } else {
        err_free(flushed);
    }
    disconnect(&cli);
    buf_done(&cli.out);
    if (!e) return cli.exit_code;

    if (!err_is(e, ERR_CANCELED)) cli_failure(STR_FMT, STR_ARG(err_text(e)));
    err_free(e);
    return cli.command && cli.command->error_exit ? cli.command->error_exit : 1;
}
