#pragma once
/*
 * The network, in place of libcurl and libmicrohttpd: the twins of net/client,
 * net/transfer and net/httpd. A request goes to whoever listens on its port in
 * this process, and what is said arrives after the time, in the order and with
 * the losses that the seed chooses. Names of hosts do not matter, ports do.
 */
#include "net/httpd.h"
#include "net/transfer.h"

/* How the network is for the requests of a group; in parts per thousand. */
struct wire_weather {
    int lost_requests; /* never arrive; the client notices or waits */
    int lost_answers;  /* what was asked for is done, and the client does not hear of it */
    int doubled;       /* arrive twice: somebody between has tried again */
    int late;          /* take up to late_ns longer: answers overtake each other */
    int cut;           /* of the pieces of an answer: the connection breaks there */
    int64_t late_ns;
};
void wire_weather_set(int group, struct wire_weather weather);

/* The group is gone: its connections break, nobody listens for it any more. */
void wire_cut(int group);
/* Requests that were sent by the group so far. */
uint64_t wire_requests(int group);
