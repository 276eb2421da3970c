#include "notify/notify.h"

PROVIDER(nats) = {
    .type = "nats",
    .refused = "it needs the protocol of NATS, which is not HTTP; a generic provider can post to "
               "a bridge",
};
