// Which function runs which kind of steps. Whether the session is free to do it is asked step by
// step.

#include "session/step_kinds.h"

void step_kinds_start(struct session *session, struct request *request)
{
    switch (request->plan->steps) {
    case STEPS_NONE:
        break;
    case STEPS_LIMIT:
        step_limit_start(session, request);
        break;
    case STEPS_SELECT:
        step_select_start(session, request);
        break;
    case STEPS_ONCE:
        step_once_start(session, request);
        break;
    case STEPS_VALUES:
        step_values_start(session, request);
        break;
    case STEPS_MOVE:
        step_move_start(session, request);
        break;
    }
}
