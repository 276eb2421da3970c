/* docs: the reference pages in docs/, from the tables of kinds and commands. */
#include "cli/target.h"

static void write_api(buf *b)
{
    arena a AUTO(arena_done) = {0};
    size_t count;
    const struct kind **all = kind_all(&a, &count);
    BUF_ADD(b, "# API reference\n\nWritten by `fixpoint docs api`; do not edit.\n\n");
    for (size_t i = 0; i < count; i++)
        kind_markdown(b, all[i]);
}

static void write_commands(buf *b)
{
    arena a AUTO(arena_done) = {0};
    size_t count;
    const struct command **all = cli_commands(&a, &count);
    BUF_ADD(b, "# Command line\n\nWritten by `fixpoint docs cli`; do not edit.\n\n```text\n");
    cli_help(b, NULL);
    BUF_ADD(b, "```\n");
    for (size_t i = 0; i < count; i++) {
        if (all[i]->hidden) continue;
        struct command own = *all[i];
        own.bare = true; /* the global flags stand once, at the top */
        buf_printf(b, "\n## %s\n\n```text\n", own.path);
        cli_help(b, &own);
        BUF_ADD(b, "```\n");
    }
}

static err *run(struct cli *cli, const void *options)
{
    (void)options;
    if (str_is(cli->args[0], "api")) {
        write_api(&cli->out);
        return NULL;
    }
    if (str_is(cli->args[0], "cli")) {
        write_commands(&cli->out);
        return NULL;
    }
    return err_invalid("unknown page '" STR_FMT "'; known are api and cli", STR_ARG(cli->args[0]));
}

COMMAND(docs) = {
    .path = "docs",
    .usage = "api|cli",
    .summary = "print a page of the reference",
    .args_min = 1,
    .args_max = 1,
    .hidden = true,
    .bare = true,
    .run = run,
};
