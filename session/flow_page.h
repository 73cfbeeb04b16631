#pragma once
// A deep page (router/page.h): where it begins is asked of the shards, and then the statement is
// run from there on. On each shard all of it is one transaction on one connection, so that what was
// counted is what is skipped:
//
//     OPENING    START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY
//     LOOKING    are all tables InnoDB's, so that there is such a moment? Which time zone?
//                In a transaction of the client, where it begins here: which isolation?
//     TYPING     what type is the sort key of?
//     PLACING    a value of each shard           <--+
//     COUNTING   the rows before each of them    ---+  until few are left to be skipped
//
// A prepared statement is asked about as its text with the values in it, and executed as that. So
// is one of EXECUTE as text, if its values are known here.
//
// Whatever stands in the way, the statement is run the plain way: all rows before the page are
// merged and dropped.

#include "session/session_impl.h"

// Is the session free to read on connections beside it, and the request a text that means there
// what it means here?
bool flow_page_is_possible(const struct session *session, const struct request *request) MUST_CHECK;
// The plan has a page. `then` runs request->plan, which has none any more: rows are left out of it
// (plan.whole), or it is the plan as it was.
void flow_page_start(struct session *session, struct request *request,
                     void (*then)(struct session *session, struct request *request));
