/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the daemon has to say: one line each, to stderr, a file or syslog.
 */
#ifndef MXFSD_LOG_H
#define MXFSD_LOG_H

enum log_level { LOG_L_ERROR, LOG_L_WARN, LOG_L_INFO, LOG_L_DEBUG };

/*
 * where: "stderr", "syslog", or a path, which is appended to. Also to open the file
 * anew after it was moved. 0, or a negative errno and all stays as it was.
 */
int log_to(const char *where, enum log_level least);

void log_say(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)	log_say(LOG_L_ERROR, __VA_ARGS__)
#define log_warn(...)	log_say(LOG_L_WARN, __VA_ARGS__)
#define log_info(...)	log_say(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...)	log_say(LOG_L_DEBUG, __VA_ARGS__)

#endif
