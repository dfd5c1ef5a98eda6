/* SPDX-License-Identifier: Apache-2.0 */
/* runner.h -- runs what a test program has, for the end of its main(). */
#ifndef RUNNER_H
#define RUNNER_H
#include <check.h>
#include <stdlib.h>

/* The exit status. Frees the suite. */
static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The same for a suite of one case. */
static inline int run_case(const char *name, TCase *tests)
{
	Suite *suite = suite_create(name);

	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
#endif
