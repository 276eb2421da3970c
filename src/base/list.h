#pragma once
/*
 * Intrusive doubly linked list. A struct that can be on a list holds a
 * `struct list_link`; the list head is one too. A zeroed link is on no list;
 * a head must be given to list_init.
 */
#include "base/lang.h"

struct list_link {
    struct list_link *next, *prev;
};

static inline void list_init(struct list_link *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list_link *head)
{
    return head->next == head;
}

static inline void list_add_last(struct list_link *head, struct list_link *link)
{
    *link = (struct list_link){.next = head, .prev = head->prev};
    head->prev->next = link;
    head->prev = link;
}

static inline void list_add_first(struct list_link *head, struct list_link *link)
{
    list_add_last(head->next, link);
}

/* Takes the link off its list, if it is on one. */
static inline void list_remove(struct list_link *link)
{
    if (!link->next) return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    *link = (struct list_link){0};
}

#define LIST_EACH(head, type, member, it)                                                          \
    for (type *it = CONTAINER_OF((head)->next, type, member), *it##_next;                          \
         &it->member != (head) &&                                                                  \
         (it##_next = CONTAINER_OF(it->member.next, type, member), true);                          \
         it = it##_next)
