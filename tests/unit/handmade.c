// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The handmade images of tests/images, for the unit tests.
 *
 * Notes: see there.
 */
#include "../images/handmade.c"
