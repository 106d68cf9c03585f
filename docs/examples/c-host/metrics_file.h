/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METRICS_FILE_H
#define METRICS_FILE_H

#include <holdfast/holdfast.h>

/** Writes what `session` counted so far to `path`, in the text format of Prometheus (node_exporter's textfile
 *  collector reads such files, `*.prom`). It says that the session is ready if it is and `is_at_work` is not 0: the
 *  file outlives the host, whose last one is to say so. A reader sees the file of before or the new one, never half
 *  of one. 0, or errno's value; the file of before stands then. */
int write_metrics_file(const char* path, holdfast_session* session, int is_at_work);

#endif
