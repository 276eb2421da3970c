#pragma once
/*
 * The artifacts of our sources over HTTP: GET and HEAD of
 * /<kind>/<namespace>/<name>/<file>, with ranges and conditional requests, and
 * no listing. The port is shared with the intake of events (POST), which
 * answers 501 until it is there.
 */
#include "net/httpd.h"
#include "source/artifact.h"

MUST_USE err *artifact_server_start(struct loop *loop, struct artifacts *artifacts, str address,
                                    struct httpd **out);
