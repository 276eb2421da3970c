#include "net/talk.h"

enum { QUESTIONS_MAX = 8 }; /* redirects, and the steps of a protocol */

struct exchange {
    arena arena; /* the loop's while it is under way */
    struct http_response response;
    err *error;
};

struct talk {
    arena arena;
    void (*wake)(void *context);
    void *context;
    struct exchange exchanges[QUESTIONS_MAX];
    int asked; /* exchanges that were begun */
    int at;    /* the next one of this run */
    atomic_bool waiting;
};

struct talk *talk_new(void (*wake)(void *context), void *context)
{
    arena a = {0};
    struct talk *talk = NEW(&a, struct talk);
    talk->wake = wake;
    talk->context = context;
    talk->arena = a;
    return talk;
}

void talk_free(struct talk *talk)
{
    if (!talk) return;
    must(!talk_is_waiting(talk));
    for (int i = 0; i < talk->asked; i++) {
        err_free(talk->exchanges[i].error);
        arena_done(&talk->exchanges[i].arena);
    }
    arena a = talk->arena;
    arena_done(&a);
}

void talk_rewind(struct talk *talk)
{
    talk->at = 0;
}

bool talk_is_waiting(const struct talk *talk)
{
    return atomic_load(&talk->waiting);
}

bool talk_is_pending(const err *e)
{
    return err_is(e, ERR_CONFLICT) && str_is(str_of(e->reason), "Pending");
}

static void on_answer(void *context, const struct http_response *response, err *error)
{
    struct talk *talk = context;
    struct exchange *exchange = &talk->exchanges[talk->asked - 1];
    if (response) exchange->response = *response;
    exchange->error = error;
    atomic_store(&talk->waiting, false);
    talk->wake(talk->context);
}

err *talk_do(struct talk *talk, struct http *http, const struct http_request *request,
             struct http_response *out)
{
    if (talk->at == QUESTIONS_MAX) {
        return err_invalid("the server wants more than %d requests", QUESTIONS_MAX);
    }
    struct exchange *exchange = &talk->exchanges[talk->at++];
    if (talk->at > talk->asked) {
        talk->asked = talk->at;
        atomic_store(&talk->waiting, true);
        http_send(http, &exchange->arena, request, on_answer, talk);
        return err_new(ERR_CONFLICT, "Pending", "the server was asked");
    }
    if (talk->at == talk->asked && talk_is_waiting(talk))
        return err_new(ERR_CONFLICT, "Pending", "the server was asked");
    if (exchange->error) return err_copy(exchange->error);
    *out = exchange->response;
    return NULL;
}
