#include "sandbox/late.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"

struct late {
    struct loop *loop;
    struct list_link all; /* struct held */
};

/* Lives in its own arena. */
struct held {
    arena arena;
    struct list_link link;
    struct late *late;
    struct httpd_ticket *ticket;
    struct httpd_answer answer;
    struct loop_timer timer;
};

struct late *late_new(struct loop *loop)
{
    struct late *late = lang_zalloc(sizeof *late);
    late->loop = loop;
    list_init(&late->all);
    return late;
}

static void send(void *context)
{
    struct held *held = context;
    list_remove(&held->link);
    loop_timer_cancel(held->late->loop, &held->timer);
    httpd_reply(held->ticket, &held->answer);
    arena a = held->arena;
    arena_done(&a);
}

void late_free(struct late *late)
{
    if (!late) return;
    while (!list_is_empty(&late->all))
        send(CONTAINER_OF(late->all.next, struct held, link));
    free(late);
}

void late_answer(struct late *late, const struct httpd_request *request,
                 const struct httpd_answer *answer, int64_t span_ns)
{
    arena a = {0};
    struct held *held = NEW(&a, struct held);
    held->arena = a;
    held->late = late;
    held->ticket = httpd_defer(request);
    held->answer = (struct httpd_answer){
        .status = answer->status,
        .body = str_dup(&held->arena, answer->body),
        .content_type = str_dup(&held->arena, answer->content_type),
    };
    struct httpd_field *fields = NEW_ARRAY(&held->arena, struct httpd_field, answer->field_count);
    for (size_t i = 0; i < answer->field_count; i++) {
        fields[i].name = str_dup(&held->arena, answer->fields[i].name);
        fields[i].value = str_dup(&held->arena, answer->fields[i].value);
    }
    held->answer.fields = fields;
    held->answer.field_count = answer->field_count;
    list_add_last(&late->all, &held->link);
    loop_timer_set(late->loop, &held->timer, clock_now_ns() + span_ns, send, held);
}
