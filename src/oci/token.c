#include "oci/token.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "doc/json.h"
#include "net/url.h"

#define LIFETIME_USUAL_S 60 /* as the specification has it, when none is given */
#define LIFETIME_MOST_S  3600

/* ---- whom we tell ---- */

static bool is_address(arena *a, str host)
{
    uint8_t bytes[sizeof(struct in6_addr)];
    const char *text = str_z(a, host);
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Where the label in front of `at` begins. */
static size_t label_before(str host, size_t at)
{
    return (size_t)(str_rfind_char(str_head(host, at), '.') + 1);
}

/* The last two labels: "ghcr.io" of both "ghcr.io" and "pkg.ghcr.io". Three below a country's short
 * second level ("example.co.uk"), under which strangers live side by side. */
static str domain_of(str host)
{
    size_t last = label_before(host, host.len);
    size_t second = last ? label_before(host, last - 1) : 0;
    bool shared = last && host.len - last == 2 && last - 1 - second <= 3;
    if (shared && second) second = label_before(host, second - 1);
    return str_skip(host, second);
}

err *token_check_realm(arena *a, str registry, bool tls, str realm)
{
    struct url to, from;
    err *e = url_parse(realm, &to);
    if (e) return err_wrap(e, "the realm of the registry's challenge");
    TRY(url_parse(str_concat(a, STR("https://"), registry), &from));
    bool https = str_eq_fold(to.scheme, STR("https"));
    if (to.user.len || (!https && !str_eq_fold(to.scheme, STR("http"))))
        return err_invalid("the realm of the registry's challenge is not a URL of a web server");
    if (tls && !https)
        return err_invalid(
            "the realm of the registry's challenge is not https, but the registry is");
    str host = str_lower(a, to.host), home = str_lower(a, from.host);
    bool family = str_has_char(home, '.') && !is_address(a, home) && !is_address(a, host) &&
                  str_eq(domain_of(host), domain_of(home));
    if (str_eq(host, home) || family) return NULL;
    return err_invalid("the registry sends us for a token to '" STR_FMT
                       "', which is not of its domain; credentials are not sent there",
                       STR_ARG(host));
}

/* ---- the exchange ---- */

static void add_parameter(arena *a, buf *b, const char *name, str value)
{
    if (!value.len) return;
    buf_printf(b, "%s%s=" STR_FMT, b->len ? "&" : "", name, STR_ARG(url_escape(a, value)));
}

static void refresh(arena *a, buf *parameters, const struct keychain_entry *who,
                    struct http_request *out)
{
    static const struct http_header form[] = {
        {STR("Content-Type"), STR("application/x-www-form-urlencoded")},
    };
    add_parameter(a, parameters, "grant_type", STR("refresh_token"));
    add_parameter(a, parameters, "refresh_token", who->identity_token);
    add_parameter(a, parameters, "client_id", STR("fixpoint"));
    out->method = "POST";
    out->headers = form;
    out->header_count = COUNT(form);
    out->body = buf_str(parameters);
}

void token_request(arena *a, const struct challenge *challenge, str repository,
                   const struct keychain_entry *who, struct http_request *out)
{
    buf parameters = BUF(a);
    str scope = challenge->scope;
    if (!scope.len) scope = str_printf(a, "repository:" STR_FMT ":pull", STR_ARG(repository));
    add_parameter(a, &parameters, "service", challenge->service);
    add_parameter(a, &parameters, "scope", scope);
    *out = (struct http_request){.url = challenge->realm, .body_limit = LIMIT_OCI_TOKEN_BYTES};
    if (who && who->identity_token.len) {
        refresh(a, &parameters, who, out);
        return;
    }
    bool has_query = str_has_char(challenge->realm, '?');
    out->url = str_printf(a, STR_FMT "%c" STR_FMT, STR_ARG(challenge->realm), has_query ? '&' : '?',
                          STR_ARG(buf_str(&parameters)));
    if (!who) return;
    out->user = who->user;
    out->password = who->password;
}

err *token_read(arena *a, str body, str *token_out, int64_t *lifetime_ns_out)
{
    node *answer;
    err *e = json_parse(a, body, (struct json_options){.last_wins = true}, &answer);
    if (e) return err_wrap(e, "the answer of the token server");
    str token = node_get_str(answer, STR("token"));
    if (!token.len) token = node_get_str(answer, STR("access_token"));
    if (!token.len) return err_invalid("the answer of the token server has no token");
    for (size_t i = 0; i < token.len; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~')
            return err_invalid("the token of the token server has a character that no token has");
    }
    int64_t lifetime_s = node_get_int(answer, STR("expires_in"), LIFETIME_USUAL_S);
    lifetime_s = MIN(MAX(lifetime_s, (int64_t)LIFETIME_USUAL_S), (int64_t)LIFETIME_MOST_S);
    *token_out = token;
    *lifetime_ns_out = lifetime_s * CLOCK_SECOND / 10 * 9;
    return NULL;
}

/* ---- what is kept ---- */

struct kept {
    arena arena;
    struct token_proof proof;
    int64_t until_ns;
    uint64_t used;
};

struct tokens {
    pthread_mutex_t lock; /* guards what is below */
    struct map kept;      /* by key to struct kept */
    uint64_t uses;
};

struct tokens *token_new(void)
{
    struct tokens *tokens = lang_zalloc(sizeof *tokens);
    pthread_mutex_init(&tokens->lock, NULL);
    return tokens;
}

static void drop(struct kept *kept)
{
    if (!kept) return;
    explicit_bzero((char *)kept->proof.bearer.data, kept->proof.bearer.len);
    explicit_bzero((char *)kept->proof.password.data, kept->proof.password.len);
    arena_done(&kept->arena);
    free(kept);
}

void token_free(struct tokens *tokens)
{
    if (!tokens) return;
    MAP_EACH (&tokens->kept, entry)
        drop(entry->value);
    map_done(&tokens->kept);
    pthread_mutex_destroy(&tokens->lock);
    free(tokens);
}

static struct token_proof copy(arena *a, const struct token_proof *proof)
{
    return (struct token_proof){str_dup(a, proof->bearer), str_dup(a, proof->user),
                                str_dup(a, proof->password)};
}

bool token_recall(struct tokens *tokens, arena *a, str key, struct token_proof *out)
{
    pthread_mutex_lock(&tokens->lock);
    struct kept *kept = map_get(&tokens->kept, key);
    bool good = kept && kept->until_ns > clock_now_ns();
    if (good) {
        kept->used = ++tokens->uses;
        *out = copy(a, &kept->proof);
    }
    pthread_mutex_unlock(&tokens->lock);
    return good;
}

static void evict(struct tokens *tokens)
{
    struct map_entry *oldest = NULL;
    MAP_EACH (&tokens->kept, entry) {
        const struct kept *kept = entry->value, *best = oldest ? oldest->value : NULL;
        if (!best || kept->used < best->used) oldest = entry;
    }
    if (oldest) drop(map_remove(&tokens->kept, oldest->key));
}

void token_remember(struct tokens *tokens, str key, const struct token_proof *proof,
                    int64_t until_ns)
{
    struct kept *kept = lang_zalloc(sizeof *kept);
    kept->proof = copy(&kept->arena, proof);
    kept->until_ns = until_ns;
    pthread_mutex_lock(&tokens->lock);
    kept->used = ++tokens->uses;
    if (tokens->kept.count >= LIMIT_OCI_TOKENS && !map_has(&tokens->kept, key)) evict(tokens);
    drop(map_put(&tokens->kept, key, kept));
    pthread_mutex_unlock(&tokens->lock);
}

void token_forget(struct tokens *tokens, str key)
{
    pthread_mutex_lock(&tokens->lock);
    drop(map_remove(&tokens->kept, key));
    pthread_mutex_unlock(&tokens->lock);
}
