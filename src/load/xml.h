/*
 * load/xml.h
 *		The nodes of an XML file in document order.
 */
#ifndef MEDREC_LOAD_XML_H
#define MEDREC_LOAD_XML_H

#include "access/htup.h"

#include "load/input.h"

/* nodes read at a time */
#define XML_FETCH_NODES		2000
/* deepest nesting; libxml stops at 256 */
#define XML_MAX_DEPTH		256

/* columns that both queries give first */
enum
{
	NODE_NAME = 1,
	NODE_DEPTH,
	NODE_OWN					/* first of the query's own columns */
};

typedef void (*XmlNodeFunction) (Load *load, HeapTuple node, TupleDesc desc, void *state);

extern bool xml_starts(const char *s, const char *end, const char *text);
extern bool xml_root_is(const Load *load, const char *name);
extern Slice xml_text(Load *load, HeapTuple node, TupleDesc desc, int column);
extern int	xml_depth(Load *load, HeapTuple node, TupleDesc desc);
extern void xml_each_node(Load *load, const char *sql, XmlNodeFunction function, void *state);

#endif							/* MEDREC_LOAD_XML_H */
