import{capture,resume,wait}from"./chunk-OEGW7GQ7.js";import{enter}from"./chunk-DR4LP2QL.js";import"./chunk-37BZZU57.js";export{capture,enter,resume,wait};
