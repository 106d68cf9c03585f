/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METRICS_FILE_H
#define METRICS_FILE_H

#include <holdfast/holdfast.h>

/** Writes what `session` counted so far to `path`, in the text format of Prometheus (node_exporter's textfile
 *  collector reads such files, `*.prom`). A reader sees the file of before or the new one, never half of one. 0, or
 *  errno's value; the file of before stands then. */
int write_metrics_file(const char* path, holdfast_session* session);

#endif
