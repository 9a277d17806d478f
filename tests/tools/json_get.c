// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * json_get POINTER...: values of the JSON text on standard input, a line each.
 *
 * Notes: for the tests of the commands. POINTER as RFC 6901, "/hosts/0/id";
 * "#POINTER" prints the number of elements of an array. Exit: 0 all there,
 * 1 not valid JSON or more than one text, 2 a pointer leads nowhere.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>

static struct json_object *read_all(void)
{
	static char buf[16 << 20];
	struct json_tokener *tok = json_tokener_new_ex(64);
	struct json_object *o;
	size_t len = 0;
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf + len, sizeof(buf) - len)) > 0)
		len += (size_t)n;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
				    JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, buf, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success) {
		fprintf(stderr, "json_get: %s\n",
			json_tokener_error_desc(json_tokener_get_error(tok)));
		o = NULL;
	} else {
		size_t end = json_tokener_get_parse_end(tok);

		if (end + strspn(buf + end, " \t\r\n") != len) {
			fprintf(stderr, "json_get: text behind the JSON\n");
			o = NULL;
		}
	}
	json_tokener_free(tok);
	return o;
}

static int show(struct json_object *o, const char *pointer)
{
	int count = *pointer == '#';
	struct json_object *v;

	if (json_pointer_get(o, pointer + count, &v) ||
	    (count && !json_object_is_type(v, json_type_array))) {
		fprintf(stderr, "json_get: no %s\n", pointer);
		return 2;
	}
	if (count)
		printf("%zu\n", json_object_array_length(v));
	else
		puts(json_object_get_string(v));
	return 0;
}

int main(int argc, char **argv)
{
	struct json_object *o = read_all();
	int i, status = o ? 0 : 1;

	for (i = 1; i < argc && !status; i++)
		status = show(o, argv[i]);
	json_object_put(o);
	return status;
}
