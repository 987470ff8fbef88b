/* What to do after accept(2) has failed: the models and the WSGI server want to know the same. */
#ifndef REMEDY_H
#define REMEDY_H

/* Accept again at once; wait a little (no descriptor or no memory is left: those who are being
 * served will leave some); or give up. */
enum remedy { REMEDY_AGAIN, REMEDY_WAIT, REMEDY_NONE };

enum { ACCEPT_PAUSE = 100 }; /* that little, in milliseconds */

/* Returns the remedy for that errno of accept's. */
enum remedy remedy_for(int accept_errno);

#endif
