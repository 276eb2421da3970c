#include "git/remote.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "net/url.h"

enum { ID_DIGITS = 32, SHA_DIGITS = 40 };

static err *invalid_url(arena *a, str url, err *e)
{
    str shown = url_redact(a, url);
    return err_because(err_wrap(e, "failed to parse url '" STR_FMT "'", STR_ARG(shown)),
                       "URLInvalid");
}

/* User info of the URL fills the gaps that the secret leaves. */
static err *take_user_info(arena *a, const struct url *url, struct remote *remote)
{
    str user, password;
    TRY(url_unescape(a, url->user, &user));
    TRY(url_unescape(a, url->password, &password));
    if (!remote->user.len) remote->user = user;
    if (!remote->password.len) remote->password = password;
    if (remote->bearer.len && (remote->user.len || remote->password.len)) {
        return err_invalid("basic auth and bearer token cannot be set at the same time");
    }
    return NULL;
}

static err *check_parts(const struct url *url)
{
    if (!str_is(url->scheme, "http") && !str_is(url->scheme, "https") &&
        !str_is(url->scheme, "ssh")) {
        return err_invalid("scheme '" STR_FMT "' is not http, https or ssh", STR_ARG(url->scheme));
    }
    if (url->query.len || url->fragment.len) return err_invalid("it has a query or a fragment");
    if (url->path.len < 2) return err_invalid("it has no path");
    return NULL;
}

bool remote_is_ssh(const struct remote *remote)
{
    return str_starts(remote->url, STR("ssh://"));
}

/* An argument of ssh: no option, and nothing that any shell or "user@host" could read otherwise. */
static bool is_ssh_user(str user)
{
    bool good = user.len && user.data[0] != '-';
    for (size_t i = 0; good && i < user.len; i++) {
        char c = user.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        good = letter || str_has_char(STR("._-+"), c);
    }
    return good;
}

/* git unescapes the path, so it is what comes out that has to be harmless. */
static err *check_ssh_path(arena *a, str escaped)
{
    str path;
    TRY(url_unescape(a, escaped, &path));
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < ' ' || c == 0x7f) return err_invalid("its path has a control character");
    }
    /* "~user/x" is git's way to name a home folder; the server must not take it as an option. */
    if (str_starts(path, STR("/-")) || str_starts(path, STR("/~-")))
        return err_invalid("its path begins with '-'");
    return NULL;
}

/* The user stays in the URL, which git and messages need; a password has no use there. */
static err *check_ssh(arena *a, const struct url *url, struct remote *remote)
{
    str user;
    TRY(check_ssh_path(a, url->path));
    TRY(url_unescape(a, url->user, &user));
    if (!user.len) user = STR("git");
    if (!is_ssh_user(user)) return err_invalid("its user is not a valid name");
    str rest = str_skip(url_redact(a, remote->url), sizeof "ssh://" - 1);
    remote->user = user;
    remote->url = str_printf(a, "ssh://" STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(rest));
    return NULL;
}

err *remote_check(arena *a, struct remote *remote)
{
    struct url url;
    err *e = url_parse(remote->url, &url);
    bool is_ssh = !e && str_is(url.scheme, "ssh");
    if (!e) e = check_parts(&url);
    if (!e && is_ssh) e = check_ssh(a, &url, remote);
    if (e) return invalid_url(a, remote->url, e);
    if (!is_ssh) {
        e = take_user_info(a, &url, remote);
        if (e) return err_because(e, "AuthenticationFailed");
        remote->url = url_redact(a, remote->url);
    }
    while (str_strip_suffix(&remote->url, STR("/")))
        continue;
    return NULL;
}

str remote_authorization(arena *a, const struct remote *remote)
{
    if (remote_is_ssh(remote)) return (str){0};
    if (remote->bearer.len) return str_concat(a, STR("Bearer "), remote->bearer);
    if (!remote->user.len && !remote->password.len) return (str){0};
    str pair = str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(remote->user), STR_ARG(remote->password));
    return str_concat(a, STR("Basic "), b64_encode(a, pair));
}

struct remote remote_dup(arena *a, const struct remote *remote)
{
    struct remote copy = *remote;
    str *texts[] = {&copy.url,
                    &copy.user,
                    &copy.password,
                    &copy.bearer,
                    &copy.ca_pem,
                    &copy.cert_pem,
                    &copy.key_pem,
                    &copy.proxy,
                    &copy.proxy_user,
                    &copy.proxy_password,
                    &copy.identity,
                    &copy.passphrase,
                    &copy.known_hosts,
                    &copy.kex_algorithms,
                    &copy.host_key_algorithms};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(a, *texts[i]);
    return copy;
}

/* Lengths in front, so that no two lists of texts run together into the same bytes. */
static str digest_of(arena *a, const str *texts, size_t count)
{
    arena scratch AUTO(arena_done) = {0};
    buf b = BUF(&scratch);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&b, "%zu:" STR_FMT, texts[i].len, STR_ARG(texts[i]));
    }
    return str_head(hash_sha256_hex(a, buf_str(&b)), ID_DIGITS);
}

str remote_trust(arena *a, const struct remote *remote)
{
    str texts[] = {remote->ca_pem,         remote->cert_pem,           remote->key_pem,
                   remote->proxy,          remote->proxy_user,         remote->proxy_password,
                   remote->identity,       remote->passphrase,         remote->known_hosts,
                   remote->kex_algorithms, remote->host_key_algorithms};
    return digest_of(a, texts, COUNT(texts));
}

str remote_id(arena *a, const struct remote *remote)
{
    str texts[] = {remote->url, remote->user, remote->password, remote->bearer,
                   remote_trust(a, remote)};
    return digest_of(a, texts, COUNT(texts));
}

bool remote_sha_is_valid(str sha)
{
    if (sha.len != SHA_DIGITS) return false;
    for (size_t i = 0; i < sha.len; i++) {
        char c = sha.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

static bool is_valid_part(str part)
{
    return part.len && part.data[0] != '.' && !str_ends(part, STR(".lock"));
}

bool remote_ref_is_valid(str ref)
{
    static const char *const forbidden[] = {"..", "@{"};
    if (ref.len > LIMIT_GIT_REF_BYTES || str_starts(ref, STR("-"))) return false;
    for (size_t i = 0; i < ref.len; i++) {
        unsigned char c = (unsigned char)ref.data[i];
        if (c <= ' ' || c == 0x7f || str_has_char(STR("~^:?*[\\"), (char)c)) return false;
    }
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        if (str_find(ref, str_of(forbidden[i])) >= 0) return false;
    }
    bool parts = ref.len > 0;
    for (str part, rest = ref; parts && str_next(&rest, '/', &part);)
        parts = is_valid_part(part);
    return parts && !str_ends(ref, STR(".")) && !str_is(ref, "@");
}

str remote_shown(arena *a, str text)
{
    text = str_trim(str_head_utf8(str_trim(text), LIMIT_GIT_ANSWER_SHOWN));
    if (!str_valid_utf8(text)) return (str){0};
    char *bytes = str_z(a, text);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f) bytes[i] = ' ';
    }
    return str_from(bytes, text.len);
}
