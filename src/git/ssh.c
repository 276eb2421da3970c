#include "git/ssh.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "net/url.h"

#define WRONG_PASSPHRASE "fixpoint: incorrect passphrase"

/* ---- Files in memory ---- */

static err *write_all(int fd, str content)
{
    while (content.len) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno != EINTR) return fs_error("write", STR("a file in memory"));
        if (put > 0) content = str_skip(content, (size_t)put);
    }
    return NULL;
}

static err *add_file(arena *a, struct ssh *ssh, str content, mode_t mode, str *path_out)
{
    must((size_t)ssh->file_count < COUNT(ssh->files));
    int fd = memfd_create("ssh", MFD_CLOEXEC);
    if (fd < 0) return fs_error("create", STR("a file in memory"));
    ssh->files[ssh->file_count++] = fd;
    TRY(write_all(fd, content));
    if (fchmod(fd, mode) != 0) return fs_error("protect", STR("a file in memory"));
    *path_out = str_printf(a, "/proc/%d/fd/%d", getpid(), fd);
    return NULL;
}

void ssh_close(struct ssh *ssh)
{
    for (int i = 0; i < ssh->file_count; i++)
        close(ssh->files[i]);
    ssh->file_count = 0;
}

/* ---- How it is started ---- */

static const char fixed_config[] = "Host *\n"
                                   "StrictHostKeyChecking yes\n"
                                   "GlobalKnownHostsFile /dev/null\n"
                                   "UpdateHostKeys no\n"
                                   "VerifyHostKeyDNS no\n"
                                   "CheckHostIP no\n"
                                   "CanonicalizeHostname no\n"
                                   "IdentitiesOnly yes\n"
                                   "IdentityAgent none\n"
                                   "AddKeysToAgent no\n"
                                   "PreferredAuthentications publickey\n"
                                   "PasswordAuthentication no\n"
                                   "KbdInteractiveAuthentication no\n"
                                   "HostbasedAuthentication no\n"
                                   "GSSAPIAuthentication no\n"
                                   "NumberOfPasswordPrompts 2\n"
                                   "ForwardAgent no\n"
                                   "ForwardX11 no\n"
                                   "ClearAllForwardings yes\n"
                                   "PermitLocalCommand no\n"
                                   "ControlMaster no\n"
                                   "ControlPath none\n"
                                   "RequestTTY no\n"
                                   "EscapeChar none\n"
                                   "SendEnv GIT_PROTOCOL\n"
                                   "ServerAliveInterval 15\n"
                                   "ServerAliveCountMax 2\n"
                                   "LogLevel INFO\n";

/* A private key without a newline at its end is none to OpenSSH. */
static str key_text(arena *a, str identity)
{
    str text = str_replace(a, identity, STR("\r\n"), STR("\n"));
    return str_concat(a, str_trim(text), STR("\n"));
}

/* Gives the passphrase once. ssh asks again only when it was wrong, and says nothing of that. */
static err *add_asker(arena *a, struct ssh *ssh, str passphrase, str *out)
{
    str path;
    TRY(add_file(a, ssh, str_concat(a, passphrase, STR("\n")), 0600, &path));
    str script = str_printf(a,
                            "#!/bin/sh\n"
                            "file=" STR_FMT "\n"
                            "IFS= read -r passphrase <$file || {\n"
                            "    echo '" WRONG_PASSPHRASE "' >&2\n"
                            "    exit 1\n"
                            "}\n"
                            ": >$file\n"
                            "printf '%%s\\n' \"$passphrase\"\n",
                            STR_ARG(path));
    return add_file(a, ssh, script, 0700, out);
}

static err *add_config(arena *a, struct ssh *ssh, const struct remote *remote, str *out)
{
    str identity, known_hosts;
    TRY(add_file(a, ssh, key_text(a, remote->identity), 0600, &identity));
    TRY(add_file(a, ssh, str_concat(a, remote->known_hosts, STR("\n")), 0600, &known_hosts));
    buf b = BUF(a);
    buf_add(&b, str_of(fixed_config));
    buf_printf(&b, "IdentityFile " STR_FMT "\nUserKnownHostsFile " STR_FMT "\n", STR_ARG(identity),
               STR_ARG(known_hosts));
    if (!remote->passphrase.len) BUF_ADD(&b, "BatchMode yes\n");
    if (remote->kex_algorithms.len)
        buf_printf(&b, "KexAlgorithms " STR_FMT "\n", STR_ARG(remote->kex_algorithms));
    if (remote->host_key_algorithms.len)
        buf_printf(&b, "HostKeyAlgorithms " STR_FMT "\n", STR_ARG(remote->host_key_algorithms));
    return add_file(a, ssh, buf_str(&b), 0600, out);
}

static err *fill(arena *a, const struct remote *remote, struct ssh *ssh)
{
    str config, asker = STR("/bin/false");
    TRY(add_config(a, ssh, remote, &config));
    if (remote->passphrase.len) TRY(add_asker(a, ssh, remote->passphrase, &asker));
    const char *variables[] = {
        str_z(a, str_concat(a, STR("GIT_SSH_COMMAND=ssh -F "), config)),
        "GIT_SSH_VARIANT=ssh",
        "SSH_ASKPASS_REQUIRE=force",
        str_z(a, str_concat(a, STR("SSH_ASKPASS="), asker)),
        "GIT_PROTOCOL=version=2",
        NULL,
    };
    const char **kept = NEW_ARRAY(a, const char *, COUNT(variables));
    memcpy(kept, variables, sizeof variables);
    ssh->config = str_z(a, config);
    ssh->variables = kept;
    return NULL;
}

err *ssh_open(arena *a, const struct remote *remote, struct ssh *out)
{
    struct ssh ssh = {0};
    must(remote_is_ssh(remote));
    err *e = fill(a, remote, &ssh);
    if (e) {
        ssh_close(&ssh);
        return e;
    }
    *out = ssh;
    return NULL;
}

/* One word to any shell, and as git writes it: servers with a shell of their own look for that. */
static str quoted(arena *a, str text)
{
    buf b = BUF(a);
    BUF_ADD(&b, "'");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool special = c == '\'' || c == '!';
        if (special) BUF_ADD(&b, "'\\");
        buf_add(&b, str_from(&c, 1));
        if (special) BUF_ADD(&b, "'");
    }
    BUF_ADD(&b, "'");
    return buf_str(&b);
}

const char *const *ssh_args(arena *a, const struct ssh *ssh, const struct remote *remote,
                            const char *service)
{
    struct url url;
    str path;
    err *e = url_parse(remote->url, &url);
    if (!e) e = url_unescape(a, url.path, &path);
    must(!e); /* the remote is checked */
    if (str_starts(path, STR("/~"))) path = str_skip(path, 1);
    str command = str_printf(a, "%s " STR_FMT, service, STR_ARG(quoted(a, path)));
    const char *args[] = {"-F",
                          ssh->config,
                          "-p",
                          str_z(a, str_printf(a, "%d", url_port(&url))),
                          "-l",
                          str_z(a, remote->user),
                          "--",
                          str_z(a, url.host),
                          str_z(a, command),
                          NULL};
    const char **kept = NEW_ARRAY(a, const char *, COUNT(args));
    memcpy(kept, args, sizeof args);
    return kept;
}

/* ---- What it says ---- */

#define NO_KEY   "ssh: the private key 'identity' of the secret cannot be read"
#define NO_MATCH "ssh: handshake failed: "

/* compat: the texts of Go's SSH client, pinned by test_ssh.py of the cluster suite. The first that
 * fits counts: a key that cannot be read ends in "Permission denied", too. */
static const struct saying {
    const char *mark, *text;
    enum err_kind kind;
} sayings[] = {
    {"has changed and you have requested strict checking", NO_MATCH "knownhosts: key mismatch",
     ERR_DENIED},
    {"host key is known for", NO_MATCH "knownhosts: key is unknown", ERR_DENIED},
    {"Host key verification failed", NO_MATCH "knownhosts: key is unknown", ERR_DENIED},
    {WRONG_PASSPHRASE, NO_KEY ": the 'password' is not its passphrase", ERR_DENIED},
    {"Load key", NO_KEY ": it is not in a format that OpenSSH knows", ERR_DENIED},
    {"no mutual signature", NO_MATCH "ssh: no common algorithm for signatures", ERR_DENIED},
    {"Permission denied (",
     NO_MATCH "ssh: unable to authenticate, attempted methods [none publickey], no supported "
              "methods remain",
     ERR_DENIED},
    {"Too many authentication failures",
     NO_MATCH "ssh: unable to authenticate, attempted methods [none publickey], no supported "
              "methods remain",
     ERR_DENIED},
    {"does not appear to be a git repository", "repository not found", ERR_NOT_FOUND},
    {"ERROR: Repository not found", "repository not found", ERR_NOT_FOUND},
    {"ERROR: The project you were looking for could not be found", "repository not found",
     ERR_NOT_FOUND},
};

/* Is there such a line? What the server's hooks print does not count. */
static bool says(str said, str mark)
{
    for (str line, rest = said; str_next_line(&rest, &line);) {
        if (str_find(line, mark) >= 0 && !str_starts(line, STR("remote: "))) return true;
    }
    return false;
}

/* Lines of the client itself: "ssh: connect to host h port 22: Connection refused". */
static str line_of_client(str said)
{
    static const char *const begins[] = {"ssh: ", "Connection ", "kex_exchange_identification: ",
                                         "Unable to negotiate with ", "Bad configuration"};
    for (str line, rest = said; str_next_line(&rest, &line);) {
        line = str_trim(line);
        for (size_t i = 0; i < COUNT(begins); i++) {
            if (str_starts(line, str_of(begins[i]))) return line;
        }
    }
    return (str){0};
}

err *ssh_error(str said)
{
    for (size_t i = 0; i < COUNT(sayings); i++) {
        if (!says(said, str_of(sayings[i].mark))) continue;
        return err_new(sayings[i].kind, "", "%s", sayings[i].text);
    }
    str line = line_of_client(said);
    if (!line.len) return NULL;
    return err_transient(STR_FMT, STR_ARG(str_head_utf8(line, LIMIT_GIT_ANSWER_SHOWN)));
}
