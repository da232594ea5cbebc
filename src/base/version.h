/*
 * base/version.h
 *		The versions of the library and of the extension's objects.  MEDREC_VERSION
 *		comes from the Makefile, which reads it from the control file.
 */
#ifndef MEDREC_VERSION_H
#define MEDREC_VERSION_H

/* warns if the objects in this database have another version than the library */
extern void medrec_compare_versions(void);

/* writes the version into the comment on schema medrec_api */
extern void medrec_comment_version(void);

#endif							/* MEDREC_VERSION_H */
